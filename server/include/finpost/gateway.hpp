#pragma once

#include "finpost/asio_settings.hpp"
#include "finpost/config.hpp"
#include "finpost/event_loops.hpp"
#include "finpost/export.hpp"
#include "finpost/handler.hpp"
#include "finpost/listener_group.hpp"
#include "finpost/logger.hpp"
#include "finpost/session_view.hpp"
#include "finpost/tls_context.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace finpost {

struct metrics;

namespace detail {
struct gateway_access;
}

/// The TCP side of finpost: accepts clients, accumulates each payload until EOF, calls the handler
/// and writes the reply to the half of the connection that is still open.
///
/// It runs where `event_loops` says, and owns no thread, no signal handler and no global. Each
/// session runs on a strand of its own, or on the thread that runs its event loop.
///
/// Threads: every function may be called from any thread, several at once.
/// Lifetime: the gateway may be destroyed at any time. The executors, the metrics and what the
/// handlers and the logger refer to live until the last session has ended.
/// Errors: want of memory costs the exchanges that it meets. Asio's strands are no part of that
/// (`event_loops::shared`).
class FINPOST_EXPORT gateway {
public:
    /// On `event_loops::shared(executor)`. Throws `config_error` with every problem of `config`.
    /// `counters` outlives the gateway and its last session. `answers` is called for each payload.
    /// Without `log` nothing is logged. Nothing runs before `start`.
    gateway(boost::asio::any_io_executor executor, gateway_config config, handler answers,
            metrics& counters, logger log = {});

    /// Several groups in one gateway, each with rules of its own. Limits on connections are a
    /// group's; the bytes buffered are counted for all together, and the largest `max_buffered` of
    /// the groups is their limit. At least one group is needed. An address in two groups is a
    /// `config_error`. Otherwise the same.
    gateway(event_loops loops, std::vector<listener_group> groups, metrics& counters,
            logger log = {});

    /// Stops at once, like `stop`. Sessions that are still ending keep what they need.
    ~gateway();

    gateway(const gateway&) = delete;
    gateway& operator=(const gateway&) = delete;

    /// Binds and listens on every address, then accepts. All or none: throws
    /// boost::system::system_error that names the address, and may be called again then. Once it
    /// has succeeded it throws std::logic_error; once a drain or a stop has begun it does nothing.
    void start();

    /// A reload: puts these groups into the place of those in force, all or none: throws
    /// `config_error` or boost::system::system_error that names an address, and nothing has changed
    /// then.
    ///
    /// An address that stays keeps its socket and its backlog, even when another group takes it
    /// over; one that is new is bound, one that is gone is closed. Sessions end by the rules they
    /// began with; who connects after the return is served by the new ones. A group that keeps an
    /// address goes on counting the connections it has. Certificates are read again, which ends the
    /// resumption of TLS sessions but no session of ours. After `start`; once a drain or a stop has
    /// begun it does nothing.
    void change(std::vector<listener_group> groups);

    /// What was really bound, in the order of the groups and their `listen`, port 0 resolved. After
    /// `start`.
    std::vector<socket_address> endpoints() const;

    /// Whether clients are accepted: between `start` and `async_drain` or `stop`.
    bool accepting() const noexcept;

    /// Sessions alive now.
    std::size_t sessions() const noexcept;

    /// The sessions alive now, the oldest first, and no more than `most` of them. They are not
    /// stopped for it, and answer even while every thread of the executor is busy.
    std::vector<session_view> session_views(std::size_t most) const;

    /// When the first of the listeners' certificates in use expires; nothing without TLS.
    std::optional<tls_context::time_point> tls_expires() const;

    /// Closes the listeners at once, lets exchanges in flight finish for up to `grace`, then stops
    /// the rest (`draining`; `upstream_incomplete` when a request is out). Completes with
    /// `void(error_code)` when no session is left.
    ///
    /// It begins with the call. A session that has not received a byte has nothing in flight and is
    /// ended at once. A `stop` meanwhile cuts the grace short. A grace of zero or less stops at
    /// once; one above a year is a year. It may be called more than once, and before `start`. The
    /// gateway may be destroyed meanwhile, which stops the rest.
    ///
    /// Completion: on the handler's associated executor, else on `get_executor()`, and never from
    /// within the call. The handler may be one that can only be moved.
    /// Cancellation: of any type, it gives up the waiting and not the drain. The error is
    /// `asio::error::operation_aborted`, the listeners stay closed, and what is in flight goes on
    /// until it ends by itself or a `stop` comes.
    /// Errors: `asio::error::no_memory` when the drain could not go on for want of memory.
    /// Exceptions: std::bad_alloc when there is no memory to begin with. The handler is not called
    /// then. In a `co_await` of Boost 1.81 the exception leaves the event loop, and the coroutine
    /// is destroyed: a host that has to see it gives a callback.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code)) CompletionToken>
    auto async_drain(duration grace, CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code)>(
            initiate_drain(state_), token, grace);
    }

    /// Closes the listeners and cancels every session, without waiting for them. At any time, also
    /// before `start` and more than once.
    void stop();

    /// Where it runs: the first of the `event_loops`.
    boost::asio::any_io_executor get_executor() const noexcept;

private:
    struct state;
    friend struct detail::gateway_access;
    explicit gateway(std::shared_ptr<state> made);

    using drain_handler = boost::asio::any_completion_handler<void(error_code)>;

    class initiate_drain {
    public:
        using executor_type = boost::asio::any_io_executor;

        explicit initiate_drain(std::shared_ptr<state> of) noexcept : of_(std::move(of)) {}
        FINPOST_EXPORT executor_type get_executor() const noexcept;
        FINPOST_EXPORT void operator()(drain_handler done, duration grace) const;

    private:
        std::shared_ptr<state> of_;
    };

    std::shared_ptr<state> state_;
};

} // namespace finpost
