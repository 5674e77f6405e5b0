#pragma once

#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace finpost {

/// In which form a reply is expected: the words of the gateway's `reply_format`.
enum class form_kind : std::uint8_t { body, status, json, ack_nak, hl7 };

parsed<form_kind> parse_form_kind(std::string_view word);
std::string_view to_string(form_kind kind) noexcept;

/// What a reply says became of the payload.
struct told {
    enum class outcome : std::uint8_t {
        malformed, ///< nothing: it is not in the form
        replied,   ///< the service has taken it
        failed,    ///< the service has answered with another status than 2xx
        refused,   ///< there is no answer
        queued,    ///< it is stored, and goes to the service later
    };
    outcome what = outcome::malformed;
    /// For people: why it is none of the form, or not taken, or where it is now.
    std::string why;
    /// The same as fields, for --verbose.
    std::string fields;

    bool has_body() const noexcept { return what == outcome::replied || what == outcome::failed; }
};

/// The first line of a `status` reply, without its end.
told told_by_line(std::string_view line);

/// A plain reply that may be a receipt, `finpost: queued <request id>\n`: nothing when it is none.
/// `framed`: its line end may be the frame's, and not be there.
std::optional<told> told_by_receipt(std::string_view reply, bool framed);

/// Whether more bytes may make a receipt of it.
bool may_become_receipt(std::string_view beginning) noexcept;

/// A `json` reply without its line end; the decoded body goes to `body`. Names that are unknown are
/// passed over: later versions may add some.
told told_by_json(std::string_view text, std::string& body);

/// An `ack_nak` reply.
told told_by_byte(std::string_view text);

/// An HL7 message, or its beginning of at least `farthest_msa` bytes.
told told_by_hl7(std::string_view message);

/// How far into a message its MSA is looked for, as in a gateway.
inline constexpr std::size_t farthest_msa = 16384;
/// A gateway writes bodies of up to 1 MiB as JSON, each byte of which may take six.
inline constexpr std::size_t longest_json_reply = 8 << 20;
/// Of a `status` reply: what its first line has at most.
inline constexpr std::size_t longest_status_line = 128;

} // namespace finpost
