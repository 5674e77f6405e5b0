#pragma once

#include "finpost/config.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <vector>

namespace finpost {

struct metrics;

/// The TCP side of finpost: accepts clients, accumulates each payload until EOF, calls the handler and
/// writes the reply to the half of the connection that is still open.
///
/// It runs on the executor it is given (an `io_context` with one or with many threads, or a
/// `thread_pool`) and owns no thread, no signal handler and no global. Each session runs on a strand of
/// its own. Its functions may be called from any thread.
class gateway {
public:
    /// Throws `config_error` with every problem of `config`. `counters` outlives the gateway and its
    /// last session. Nothing runs before `start`.
    gateway(boost::asio::any_io_executor executor, gateway_config config, handler answer,
            metrics& counters, logger log = {});

    /// Stops at once, like `stop`. Sessions that are still ending keep what they need.
    ~gateway();

    gateway(const gateway&) = delete;
    gateway& operator=(const gateway&) = delete;

    /// Binds and listens on every address, then accepts. All or none: throws
    /// boost::system::system_error that names the address. Call it once.
    void start();

    /// What was really bound, in the order of `config.listen`, port 0 resolved. After `start`.
    std::vector<socket_address> endpoints() const;

    /// Whether clients are accepted: between `start` and `drain` or `stop`.
    bool accepting() const noexcept;

    /// Sessions alive now.
    std::size_t sessions() const noexcept;

    /// Closes the listeners at once, lets exchanges in flight finish for up to `grace`, then stops the
    /// rest with `draining`. Completes when no session is left. A session that has not received a byte
    /// has nothing in flight and is ended at once. A `stop` meanwhile cuts the grace short.
    boost::asio::awaitable<void> drain(duration grace);

    /// Closes the listeners and cancels every session, without waiting for them.
    void stop();

private:
    class state;
    std::shared_ptr<state> state_;
};

} // namespace finpost
