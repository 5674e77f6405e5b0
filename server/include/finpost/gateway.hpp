#pragma once

#include "finpost/completion.hpp"
#include "finpost/config.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/export.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/session_view.hpp"
#include "finpost/tls_context.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace finpost {

struct metrics;

namespace detail {
struct gateway_access;
}

/// Addresses whose clients are served alike: the rules, and the handlers that answer.
struct listener_group {
    gateway_config config;
    finpost::handler handler;
    /// Answers payloads above `stream_above`; without one that has to be off.
    finpost::streaming_handler streaming_handler = {};
};

/// The TCP side of finpost: accepts clients, accumulates each payload until EOF, calls the handler
/// and writes the reply to the half of the connection that is still open.
///
/// It runs on the executor it is given (an `io_context` with one or with many threads, or a
/// `thread_pool`), or on several that have a thread each, and owns no thread, no signal handler and
/// no global. Each session runs on a strand of its own, which is the thread where an executor has
/// but one. Its functions may be called from any thread.
///
/// Want of memory costs the exchanges that it meets. Asio's strands are no part of that: one that
/// is made or entered without memory can end the process. Who has to survive that gives a vector of
/// executors, which needs no strands.
class FINPOST_EXPORT gateway {
public:
    /// Throws `config_error` with every problem of `config`. `counters` outlives the gateway and
    /// its last session. Nothing runs before `start`.
    gateway(boost::asio::any_io_executor executor, gateway_config config, handler answers,
            metrics& counters, logger log = {});

    /// Several groups in one gateway, each with rules of its own. Limits on connections are a
    /// group's; the bytes buffered are counted for all together, and the largest `max_buffered` of
    /// the groups is their limit. An address in two groups is a `config_error`.
    gateway(boost::asio::any_io_executor executor, std::vector<listener_group> groups,
            metrics& counters, logger log = {});

    /// On several executors, or on one, each an event loop run by one thread and never by two: that
    /// thread is what keeps the steps of a session apart, and spares it a strand. Each accepts on
    /// every address by a socket of its own, the kernel spreads the clients over them
    /// (SO_REUSEPORT), and a session stays where it began, so that threads do not wake each other.
    /// Limits count for all together. A loop that is kept busy keeps its share of the clients
    /// waiting. What is no session's business runs on the first. Throws std::invalid_argument when
    /// there is none.
    ///
    /// What waits on one loop may own a timer or a socket of another: before the first of several
    /// `io_context`s is destroyed, a `drain` has completed or `execution_context::shutdown()`,
    /// which is for classes derived from `io_context`, was called on each.
    gateway(std::vector<boost::asio::any_io_executor> executors, std::vector<listener_group> groups,
            metrics& counters, logger log = {});

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

    /// Whether clients are accepted: between `start` and `drain` or `stop`.
    bool accepting() const noexcept;

    /// Sessions alive now.
    std::size_t sessions() const noexcept;

    /// The sessions alive now, the oldest first, and no more than `most` of them. They are not
    /// stopped for it, and answer even while every thread of the executor is busy.
    std::vector<session_view> session_views(std::size_t most) const;

    /// When the first of the listeners' certificates in use expires; nothing without TLS.
    std::optional<tls_context::time_point> tls_expires() const;

    /// Closes the listeners at once, lets exchanges in flight finish for up to `grace`, then stops
    /// the rest
    /// (`draining`; `upstream_incomplete` when a request is out). Completes when no session is
    /// left. A session that has not received a byte has nothing in flight and is ended at once. A
    /// `stop` meanwhile cuts the grace short. It may be called more than once, also before `start`;
    /// a grace above a year is a year.
    boost::asio::awaitable<void> drain(duration grace);

    /// `drain` for any completion token, with `void(error_code)` on the token's executor; it begins
    /// with the call. A cancellation of any type gives up the waiting, not the drain:
    /// `error::operation_aborted`, the listeners stay closed, and what is in flight goes on until
    /// it ends by itself or a `stop` comes. The gateway may be destroyed meanwhile, which stops the
    /// rest.
    template <class CompletionToken>
    auto async_drain(duration grace, CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code)>(
            initiate_drain{state_}, token, grace);
    }

    /// Closes the listeners and cancels every session, without waiting for them. At any time, also
    /// before `start` and more than once.
    void stop();

    /// Where it runs: the first of the executors that it was given.
    boost::asio::any_io_executor get_executor() const noexcept;

private:
    struct state;
    friend struct detail::gateway_access;
    explicit gateway(std::shared_ptr<state> made);

    using drained = std::function<void(error_code)>;

    static boost::asio::any_io_executor executor_of(const state& one) noexcept;
    static void begin_drain(const std::shared_ptr<state>& one, duration grace, drained done,
                            const std::function<void(detail::cancel_function)>& arm);

    struct initiate_drain {
        std::shared_ptr<state> of;

        template <class Handler>
        void operator()(Handler&& last, duration grace) const {
            const auto start = [&](drained done,
                                   const std::function<void(detail::cancel_function)>& arm) {
                begin_drain(of, grace, std::move(done), arm);
            };
            detail::start_for<error_code>(std::forward<Handler>(last), executor_of(*of), start);
        }
    };

    std::shared_ptr<state> state_;
};

} // namespace finpost
