#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <boost/system/error_code.hpp>

#include <array>
#include <string_view>
#include <type_traits>

namespace finpost {

/// Why a client got no answer to relay.
///
/// Each value has one stable word (`to_string`), the same in the refusal line a client reads, in
/// the log and in the `reason` label of the metrics. Values may be added; words are never renamed.
enum class reason {
    empty = 1,       ///< nothing left after decoding
    too_large,       ///< the payload passed `max_payload`
    bad_encoding,    ///< the payload is not what `decode` says (RFC 4648 §3.3, §3.5)
    receive_timeout, ///< no EOF within `receive_idle` or `receive_total`
    too_slow,        ///< slower than `min_rate`
    busy, ///< a limit on connections, buffers or upstream connections was reached; nothing was sent
          ///< on
    denied,           ///< the peer's address is not allowed
    tls_handshake,    ///< the TLS handshake failed
    tls_truncated,    ///< TCP FIN without close_notify (RFC 8446 §6.1)
    proxy_protocol,   ///< a missing or malformed PROXY header
    foreign,          ///< an HTTP request or a TLS ClientHello, where `foreign` does not let them
    incomplete_frame, ///< the client's FIN cut a frame, and `frame_tail` is `refuse`
    bad_frame,        ///< what came is no frame of the kind that `frame` says
    upstream_unreachable, ///< no connection to any endpoint of the upstream; nothing was sent
    upstream_timeout,     ///< no complete response within `total`
    upstream_status,  ///< a status outside 200-299 while `on_status` is `refuse`, or without a body
    upstream_invalid, ///< the response is not acceptable HTTP/1.1 (RFC 9112)
    upstream_incomplete, ///< sent, or a byte of it, and no complete response came (RFC 9112 §8)
    reply_too_large,     ///< the response body passed `max_reply`
    reply_unframeable,   ///< the reply's frame cannot carry this reply
    spill_failed,        ///< a payload could not be kept on disk
    queue_full,          ///< the queue has no room; nothing was stored, nothing was sent on
    queue_failed,        ///< no receipt; unknown whether it was stored, it may still be delivered
    draining,            ///< the gateway is stopping; nothing was sent on
    internal,            ///< a bug or a resource failure inside the gateway
};

/// Every reason, in declaration order: for metrics and tables.
inline constexpr std::array all_reasons{
    reason::empty,
    reason::too_large,
    reason::bad_encoding,
    reason::receive_timeout,
    reason::too_slow,
    reason::busy,
    reason::denied,
    reason::tls_handshake,
    reason::tls_truncated,
    reason::proxy_protocol,
    reason::foreign,
    reason::incomplete_frame,
    reason::bad_frame,
    reason::upstream_unreachable,
    reason::upstream_timeout,
    reason::upstream_status,
    reason::upstream_invalid,
    reason::upstream_incomplete,
    reason::reply_too_large,
    reason::reply_unframeable,
    reason::spill_failed,
    reason::queue_full,
    reason::queue_failed,
    reason::draining,
    reason::internal,
};

/// The stable word, e.g. `too_large`.
FINPOST_EXPORT std::string_view to_string(reason value) noexcept;

/// Reads the stable word, exactly as `to_string` writes it.
FINPOST_EXPORT parsed<reason> parse_reason(std::string_view word);

/// The category of `reason` as an `error_code`; its name is "finpost".
///
/// Some reasons mean the same as a system error. They are equal to it as an error condition, so
/// that `ec == std::errc::timed_out` holds for a `receive_timeout`:
///
/// | reason | equal to `std::errc` |
/// |---|---|
/// | `receive_timeout`, `upstream_timeout` | `timed_out` |
/// | `too_large`, `reply_too_large` | `message_size` |
/// | `bad_encoding` | `illegal_byte_sequence` |
/// | `busy` | `resource_unavailable_try_again` |
/// | `denied` | `permission_denied` |
/// | `proxy_protocol`, `upstream_invalid` | `protocol_error` |
/// | `upstream_unreachable` | `host_unreachable` |
/// | `queue_full` | `no_space_on_device` |
/// | `spill_failed`, `queue_failed` | `io_error` |
///
/// The others are equal to themselves only.
FINPOST_EXPORT const boost::system::error_category& reason_category() noexcept;

FINPOST_EXPORT boost::system::error_code make_error_code(reason value) noexcept;

/// The reason an error code carries; `reason::internal` for any code of another category.
FINPOST_EXPORT reason to_reason(const boost::system::error_code& code) noexcept;

using error_code = boost::system::error_code;

} // namespace finpost

/// \cond
template <>
struct boost::system::is_error_code_enum<finpost::reason> : std::true_type {};
/// \endcond
