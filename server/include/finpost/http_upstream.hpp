#pragma once

#include "finpost/config.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <vector>

namespace finpost {

struct metrics;

/// The handler that makes one HTTP POST of each request: what stands behind `--upstream`.
///
/// HTTP/1.1 over kept connections, one exchange on a connection at a time. Redirects are never followed
/// and a request is sent again only when a kept connection turns out to have been closed before one byte
/// of a response came; it then carries the same `Idempotency-Key`. Thread safe.
class http_upstream {
public:
    /// Throws `config_error` with every problem of `config`. `counters` outlives it.
    http_upstream(boost::asio::any_io_executor executor, upstream_config config, metrics& counters,
                  logger log = {});

    /// Like `close`.
    ~http_upstream();

    http_upstream(http_upstream&&) noexcept;
    http_upstream& operator=(http_upstream&&) noexcept;

    /// Looks host names up for the first time and goes on doing so. Without names it does nothing.
    void start();

    /// The handler to pass to a `gateway`; it may outlive this object.
    handler as_handler() const;

    struct endpoint_status {
        std::string endpoint; ///< "127.0.0.1:3000"
        bool up;              ///< false while it is avoided after failures
    };
    std::vector<endpoint_status> endpoints() const;

    /// Closes idle connections and stops looking up names. Exchanges in flight are not touched.
    void close();

private:
    class state;
    std::shared_ptr<state> state_;
};

} // namespace finpost
