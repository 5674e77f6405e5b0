#pragma once

#include "finpost/event_loops.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/export.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/tls_context.hpp"
#include "finpost/upstream_config.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace finpost {

struct metrics;

namespace detail {
struct upstream_access;
}

/// The handler that makes one HTTP POST of each request: what stands behind `--upstream`.
///
/// Over TLS for `https://`: the certificate must be valid and name the host (in its
/// subjectAltName), or there is no connection, and never one in plain text. TLS sessions are
/// resumed. A response that ends with the connection is complete only with a close_notify (RFC 9112
/// §9.8).
///
/// HTTP/1.1 over kept connections, one exchange on a connection at a time. Redirects are never
/// followed. A request is sent again only when a kept connection turns out to have been closed
/// before one byte of a response came, or is closed by a 408: once, with the same
/// `Idempotency-Key`. Only when no connection can be made does the next endpoint have it.
///
/// Threads: every function may be called from any thread, several at once; moving is not thread
/// safe.
/// Lifetime: the handlers may outlive it, and keep what they need. Metrics outlive the last
/// exchange.
///
/// Of several endpoints the one with the fewest exchanges has the next, in turns among equals. One
/// that cannot be connected to, or that has not answered acceptably five times in a row, is ejected
/// until something has succeeded there. Once in a pause of 0.1 s, then twice as long each time up
/// to 10 s, half of it by chance, one exchange tries it. Without a `health_path` it is also
/// connected to every `health_every`, as is one that was never reached; one that is well is not
/// bothered.
class FINPOST_EXPORT http_upstream {
public:
    /// On `event_loops::shared(executor)`. Throws `config_error` with every problem of `config`.
    /// `counters` outlives it and the last exchange. Without `log` nothing is logged. Nothing runs
    /// before `start` or the first exchange.
    http_upstream(boost::asio::any_io_executor executor, upstream_config config, metrics& counters,
                  logger log = {});

    /// For a `gateway` on the same `loops`. Each has connections of its own, so that an exchange
    /// stays on its event loop. The number of connections is limited for all together.
    http_upstream(const event_loops& loops, upstream_config config, metrics& counters,
                  logger log = {});

    /// Like `close`.
    ~http_upstream();

    http_upstream(http_upstream&&) noexcept;
    http_upstream& operator=(http_upstream&&) noexcept;

    /// Looks host names up for the first time and goes on doing so (`resolve_every`). Likewise asks
    /// the endpoints by health checks, or connects to those that were never reached
    /// (`health_every`). Without it only exchanges tell whether an endpoint is up. Call it once.
    void start();

    /// The handler to pass to a `gateway`. It may outlive this object: exchanges go on after
    /// `close`, on connections that are not kept.
    handler as_handler() const;

    /// The same for payloads that are streamed: `listener_group::streaming_handler`. The request
    /// has the chunked coding then, on a new connection, and nothing is sent twice. A payload that
    /// does not become complete ends in a reset without the last chunk, so that no service can take
    /// it for the whole (RFC 9112 §8). The response is passed on as it comes.
    ///
    /// `total` is for how long the service may take nothing of the request, and from the client's
    /// EOF on the time until the response is complete, without the time in which the client does
    /// not take it.
    streaming_handler as_streaming_handler() const;

    /// What is known of an endpoint now, in the order of the configuration.
    struct endpoint_status {
        std::string endpoint; ///< "127.0.0.1:3000"
        bool up = true;       ///< false while it is ejected, and before it was ever reached
        /// The last error; none since all went well.
        std::optional<reason> last_error = {};
        std::size_t outstanding = 0; ///< exchanges that it has now
        /// While it is ejected: until then, or `max()` until a health check succeeds. In the past
        /// when the next exchange is to find out.
        std::optional<std::chrono::steady_clock::time_point> ejected_until = {};
        /// An exchange has a chance there: it is up, or was ejected for its answers and can be
        /// connected to again.
        bool usable = true;
        std::string cause = {}; ///< of the last error, for people: "Connection refused"
        std::chrono::steady_clock::time_point since = {}; ///< since when it is not up, if it is not
    };
    /// From any thread.
    std::vector<endpoint_status> endpoints() const;

    /// Reads the files of `upstream_config::tls` again, for connections from now on. It blocks for
    /// as long as the files take. All that is wrong is returned, by the names in `upstream_config`,
    /// and nothing changes then. Empty: all is well. From any thread.
    std::vector<config_problem> renew_tls();

    /// When the certificate expires that is shown to an `https://` upstream; nothing without one.
    std::optional<tls_context::time_point> tls_expires() const;

    /// Closes idle connections, stops looking up names and checking health. Exchanges in flight are
    /// not touched. It needs no memory. A second call does nothing.
    void close() noexcept;

private:
    class state;
    friend struct detail::upstream_access;
    explicit http_upstream(std::shared_ptr<state> made);

    std::shared_ptr<state> state_;
};

} // namespace finpost
