#pragma once

#include "reply_format/hl7.hpp"
#include "reply_format/reply_facts.hpp"
#include "reply_format/reply_template.hpp"

#include "finpost/byte_budget.hpp"
#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace finpost {
class request_id;
}

namespace finpost::detail {

/// How clients of a group are told what became of their payloads: `reply_format`, and the templates
/// in its place.
struct reply_forms {
    reply_format format = reply_format::body;
    std::optional<reply_template> reply, refusal, receipt;

    /// Whether a reply is its body and nothing else.
    bool are_bodies() const noexcept { return format == reply_format::body && !reply; }
    /// Whether what is received has to be HL7.
    bool are_hl7() const noexcept { return format == reply_format::hl7; }
};

/// The header of the message that a payload is, or of which it is the beginning; null where it is
/// none. Fails when its file cannot be read. Throws std::bad_alloc.
result<std::unique_ptr<hl7_header>> hl7_header_of(const payload& message, bool complete);

/// What a client reads in place of an answer, before its frame; nothing where it has asked for
/// nothing. `facts` have the reason, and `sent` is null without HL7. Throws std::bad_alloc.
std::optional<std::string> refusal_text(const reply_forms& forms, const reply_facts& facts,
                                        const request_id& id, const hl7_header* sent);

/// What a client reads when its payload is stored, before its frame; nothing where it has asked for
/// nothing. `sent` is null without HL7. Throws std::bad_alloc.
std::optional<std::string> receipt_text(const reply_forms& forms, const reply_facts& facts,
                                        const request_id& id, const hl7_header* sent);

/// The largest body that goes into a JSON text, which is in memory and up to six times as large.
inline constexpr std::size_t largest_json_body = 1 << 20;

/// Gives a body the form of a reply; what stands around it is counted in `replies`. Fails with
/// `upstream_invalid` where an HL7 body acknowledges another message, with `upstream_status` where
/// there is no acknowledgement of a failure that was relayed, with `reply_too_large` (JSON), and
/// with `spill_failed` or `internal` where there is no room for the text. Throws std::bad_alloc.
error_code give_form(const reply_forms& forms, payload& body, byte_budget& replies,
                     const reply_facts& facts, const request_id& id, const hl7_header* sent);

/// Whether the frame of replies can carry texts of these forms, as far as they do not come from
/// outside.
bool are_carried(const reply_forms& forms, const gateway_config& config);

} // namespace finpost::detail
