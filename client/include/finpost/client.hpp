#pragma once

#include "finpost/asio_settings.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"
#include "finpost/export.hpp"
#include "finpost/frame_spec.hpp"
#include "finpost/proxy_header.hpp"
#include "finpost/tls_context.hpp"
#include "finpost/units.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace finpost {

/// Where a payload comes from, block by block: a file, a pipe, memory.
///
/// Threads: `read` is called on a strand of the exchange's executor, one call at a time.
/// Lifetime: it lives until the exchange completes. A cancelled exchange may complete while a
/// `read` is pending: its buffer is valid until its `done` was called or destroyed.
class FINPOST_EXPORT byte_source {
public:
    virtual ~byte_source() = default;
    /// Fills `buffer` from its beginning with what comes next of the payload, at most
    /// `buffer.size()` bytes, and calls `done` once with how many there are; 0 is the end. `done`
    /// may be called from within and from any thread. Until then `buffer` is valid and the
    /// source's. An error ends the exchange with a reset and this error. It throws nothing
    /// but std::bad_alloc.
    virtual void read(std::span<std::byte> buffer,
                      std::function<void(error_code, std::size_t)> done) = 0;
};

/// Where a reply goes, block by block.
///
/// Threads: `write` is called on a strand of the exchange's executor, one call at a time.
/// Lifetime: it lives until the exchange completes.
class FINPOST_EXPORT byte_sink {
public:
    virtual ~byte_sink() = default;
    /// Takes all of `data`, which is valid during the call only. The exchange waits as long as it
    /// lasts, and so does everything else on its strand. An error ends the exchange with this
    /// error.
    virtual error_code write(std::span<const std::byte> data) = 0;
};

/// The stage an exchange was in when it ended; `payload` is the wait for its first byte.
enum class exchange_stage { payload, resolve, connect, handshake, send, wait, receive, done };

FINPOST_EXPORT std::string_view to_string(exchange_stage stage) noexcept;

/// The PROXY header that goes before everything else, also before TLS.
struct proxy_options {
    proxy_version version = proxy_version::v1;
    std::optional<socket_address> source, destination; ///< without: the connection's own
};

/// How one exchange is made, and its limits.
struct client_options {
    /// The longest time for looking the host up and connecting, over all of its addresses, and for
    /// the TLS handshake: from the payload's first byte on.
    duration connect{5'000};
    /// The longest time for everything, from the call to the reply's end. Longer than a gateway's
    /// own 30 s, so that its reason arrives.
    duration total{35'000};
    /// The largest reply, for replies kept in memory or written to a sink; 0 = no limit.
    std::uint64_t max_reply = 0;
    /// Made once with `make_client_tls`, for any number of exchanges. None: plain TCP.
    tls_context tls;
    /// A payload without a byte is `reason::empty`, before anything is connected: a gateway
    /// forwards nothing of it, and closes as it does for a health check. True: connect, half-close
    /// and see.
    bool allow_empty = false;
    /// Where the payload and the reply end, for a gateway whose `frame` is the same: one frame goes
    /// out, and one comes back. `eof`: the half-close ends the payload, and the peer's FIN the
    /// reply. `fixed` and `idle` frame the payload alone: the half-close follows it, and the FIN
    /// ends the reply. Where the length stands in front, the payload is held in memory as a whole.
    frame_spec frame;
    /// For a gateway that expects to be told whose connection it is.
    std::optional<proxy_options> proxy;
    /// Told of each step forward: bytes handed to the kernel, bytes received. On the exchange's
    /// strand.
    std::function<void(std::uint64_t sent, std::uint64_t received)> progress;
};

/// What became of an exchange, complete or not.
struct exchange_result {
    exchange_stage stage =
        exchange_stage::resolve; ///< the last one entered; `done` for a whole reply
    /// What was received, unless it went to a sink. After a failure, also the up to 128 bytes that
    /// no sink was given yet, because they might have been a refusal.
    std::string reply;
    /// The gateway answered with a refusal, `finpost: <reason> <id>`; `error` is then its reason.
    std::optional<reason> refused;
    std::string request_id; ///< of a refusal

    socket_address local, remote; ///< the connection as the socket sees it, from its `connected` on
    tls_description tls;          ///< from the handshake on, also of one that failed
    /// What TLS or the frame says about an error, beyond `error_code`: "certificate has expired".
    std::string detail;
    /// Bytes of the payload and its frame handed to the kernel: not those that have arrived.
    std::uint64_t sent = 0;
    std::uint64_t received = 0; ///< of the reply and its frame

    /// When each stage was over, counted from the call; zero for stages that were not reached.
    /// `half_closed`: with a frame that needs no half-close, when the last byte of it was sent.
    std::chrono::microseconds begun{}, resolved{}, connected{}, secured{}, half_closed{},
        first_byte{}, ended{};
};

namespace detail {

using exchange_handler = boost::asio::any_completion_handler<void(error_code, exchange_result)>;

/// A source for `bytes`, for the `memory` of `initiate_exchange`.
FINPOST_EXPORT std::shared_ptr<byte_source> memory_source(std::string bytes);

class initiate_exchange {
public:
    using executor_type = boost::asio::any_io_executor;

    explicit initiate_exchange(executor_type executor) noexcept : executor_(std::move(executor)) {}
    executor_type get_executor() const noexcept { return executor_; }

    /// The payload comes from `memory`, or where that is null from `source`.
    FINPOST_EXPORT void operator()(exchange_handler handler, host_port target,
                                   std::shared_ptr<byte_source> memory, byte_source* source,
                                   byte_sink* sink, client_options options) const;

private:
    executor_type executor_;
};

} // namespace detail

/// Waits for the first byte of `payload`, connects, writes all of it, half-closes, reads to EOF:
/// one exchange with a gateway.
///
/// Every address of a name is tried in turn. It reads while it writes, so that a refusal is seen
/// while the payload is still on its way. Completes with `void(error_code, exchange_result)`, on
/// the token's executor: success means that the whole payload was sent and the peer ended the reply
/// with a FIN. A refusal completes with its `reason`, a time limit with `error::timed_out`, a
/// cancellation (total, partial or terminal) with `error::operation_aborted`, a peer that ends
/// before it was sent everything with `error::broken_pipe`; `result.stage` tells how far it came.
/// An empty payload completes with `reason::empty` without `result.refused` (see `allow_empty`).
/// Limits that are not above zero, and a host that is a `wrong_address`, complete with
/// `errc::invalid_argument`; a limit above a year is a year.
///
/// With TLS the half-close is a close_notify, and only the peer's close_notify ends the reply: a
/// FIN alone is `reason::tls_truncated`. A failed handshake or verification is
/// `reason::tls_handshake`, also when a server rejects the client's certificate after the client's
/// handshake (TLS 1.3): it has taken nothing of the payload then. `result.detail` says why.
///
/// With `client_options::frame` the reply ends with its frame, and no half-close is needed. A
/// payload that its frame cannot carry completes with `errc::invalid_argument`, before anything is
/// connected when its first 64 KiB show it. A reply that is not so framed, or behind which more
/// comes, is `errc::bad_message`; a FIN without a whole reply is `error::eof`. `result.detail` says
/// more.
///
/// A connection that ends before the half-close, or before the whole frame, is reset, also when the
/// process is killed or the execution context goes: the peer never takes a part of a payload for
/// the whole.
///
/// Runs on a strand of `executor`; nothing of the caller's is needed until it completes, but the
/// source and the sink.
template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, exchange_result)) CompletionToken>
auto async_exchange(boost::asio::any_io_executor executor, host_port target, std::string payload,
                    client_options options, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(error_code, exchange_result)>(
        detail::initiate_exchange(std::move(executor)), token, std::move(target),
        detail::memory_source(std::move(payload)), static_cast<byte_source*>(nullptr),
        static_cast<byte_sink*>(nullptr), std::move(options));
}

/// The same from a source and to a sink, in constant memory.
template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, exchange_result)) CompletionToken>
auto async_exchange(boost::asio::any_io_executor executor, host_port target, byte_source& payload,
                    byte_sink& reply, client_options options, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(error_code, exchange_result)>(
        detail::initiate_exchange(std::move(executor)), token, std::move(target),
        std::shared_ptr<byte_source>(), &payload, &reply, std::move(options));
}

/// The refusal a whole reply is, if it is one: exactly `finpost: <reason> <36 characters>\n` with a
/// reason this version knows.
struct refusal {
    reason why;
    std::string request_id;
};
FINPOST_EXPORT std::optional<refusal> detect_refusal(std::string_view reply);

} // namespace finpost
