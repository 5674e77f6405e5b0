#pragma once

#include "reply_format/hl7.hpp"

#include "finpost/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace finpost::detail {

/// What became of a message, as HL7 tells apart.
enum class hl7_event : std::uint8_t {
    answered, ///< the service has taken it
    stored,   ///< it is kept, and goes to the service later
    failed,   ///< the service, or the gateway, could not or would not
    rejected, ///< the gateway does not take this message or this sender
};

/// `failed` or `rejected`.
hl7_event hl7_event_of(reason why) noexcept;

/// What the sender is told; nothing where it has asked for nothing.
///
/// | | MSH-15: AL | ER | SU | NE | empty |
/// |---|---|---|---|---|---|
/// | `answered` | AA | AA | AA | AA | AA |
/// | `stored` | CA | | CA | | AA |
/// | `failed` | CE | CE | 1 | 1 | 2 |
/// | `rejected` | CR | CR | 1 | 1 | 2 |
///
/// 1: AE or AR where MSH-16 is AL or ER, else nothing. 2: nothing where MSH-16 is NE or SU, else AE
/// or AR. An unknown word is as good as none.
///
/// Without a header (null) `failed` is AE and all else AR: what is no HL7 is to be refused before
/// it is sent on. A caller that has nothing to say about a refusal must not let a FIN say that all
/// is well.
std::optional<hl7_code> hl7_answer(hl7_event event, const hl7_header* sent) noexcept;

/// The acknowledgement that `hl7_answer` asks for; nothing where it is nothing. `text` says why,
/// where it is a refusal. `id` is the exchange's.
std::optional<std::string> hl7_answer_text(hl7_event event, const hl7_header* sent,
                                           std::string_view text, const request_id& id,
                                           std::chrono::system_clock::time_point at);

/// What becomes of a service's answer to an HL7 message.
enum class hl7_body : std::uint8_t {
    relayed,      ///< it is the acknowledgement of this message
    acknowledged, ///< it is not HL7: the gateway makes the acknowledgement
    invalid,      ///< it acknowledges another message, or none, or cannot be read
};
hl7_body judge_hl7_body(const hl7_header& sent, std::string_view body);

} // namespace finpost::detail
