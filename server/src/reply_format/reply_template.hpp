#pragma once

#include "reply_format/reply_facts.hpp"

#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// What a template may name of an exchange; `none` is nothing.
enum class reply_field : std::uint8_t {
    none,
    body,
    status,
    reason,
    outcome,
    request_id,
    peer_ip,
    peer_port,
    local_port,
    payload_bytes,
    tls_peer_name
};

/// What a client gets in a form of the operator's own: bytes, and fields of the exchange.
class reply_template {
public:
    /// Bytes, and the field that follows them.
    struct piece {
        std::string bytes;
        reply_field field = reply_field::none;
        friend bool operator==(const piece&, const piece&) = default;
    };

    reply_template(reply_kind of, std::vector<piece> pieces) noexcept
        : of_(of), pieces_(std::move(pieces)) {}

    /// The text of `facts`, which are of the kind that the template is for.
    reply_parts render(const reply_facts& facts) const;

    /// Whether some exchange gets no byte of it, which a frame cannot tell from a heartbeat.
    bool may_be_empty() const noexcept;

    friend bool operator==(const reply_template&, const reply_template&) = default;

private:
    reply_kind of_;
    std::vector<piece> pieces_;
};

/// The longest template.
inline constexpr std::size_t longest_reply_template = 4096;

/// Takes "finpost: {reason}\n" apart. `\n`, `\r`, `\t`, `\\` and `\xHH` are bytes, `{{` and `}}`
/// are braces. A field is one of those that there are for what the template is for: `{body}` for a
/// reply only, and once at most; `{status}` for a reply or a refusal, empty where a refusal has
/// none; `{reason}` for a refusal only; `{outcome}`, `{request.id}`, `{peer.ip}`, `{peer.port}`,
/// `{local.port}`, `{payload.bytes}` and `{tls.peer_name}` for each.
parsed<reply_template> parse_reply_template(std::string_view text, reply_kind of);

} // namespace finpost::detail
