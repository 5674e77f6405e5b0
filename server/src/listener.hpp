#pragma once

#include "async/operation_memory.hpp"
#include "policy/wait_queue.hpp"
#include "session/session.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace finpost {

class resource_shortage;

/// Where sessions run.
struct session_executors {
    std::vector<boost::asio::any_io_executor> all;
    /// Each is run by one thread, which keeps the steps of a session apart by itself: no strands
    /// then.
    bool one_thread_each = false;
};

/// One address that clients connect to. It takes its permits before it accepts, so a flood waits in
/// the kernel's backlog and costs nothing here.
///
/// Its waits follow each other by callbacks and not in a coroutine: they have memory of their own,
/// so that nothing can end them but `close`. One is under way at a time, so its steps need no
/// strand, which takes memory.
///
/// With several executors each has a socket of its own for the address, and the kernel spreads the
/// clients (SO_REUSEPORT): a session stays with the event loop that accepted it.
class listener : public std::enable_shared_from_this<listener> {
public:
    /// Binds and listens; throws boost::system::system_error that names the address, also when
    /// another process shares its port in the same way.
    listener(const session_executors& on, std::shared_ptr<const session_context> context,
             const socket_address& address);

    /// Accepts until `close`. Keeps itself and the context alive meanwhile.
    void start();

    /// Clients that connect from now on are served by `context`, which has the same registry. From
    /// any thread.
    void change(std::shared_ptr<const session_context> context);

    /// No connection is accepted from now on. From any thread.
    void close() noexcept;

    const socket_address& address() const noexcept { return address_; }

    /// Whether it accepts, or will when there are permits: false after `close`, and where it has
    /// ended for want of memory that is not its own, which can happen on an executor that is no
    /// `io_context`'s. From any thread.
    bool works() const noexcept;

    /// For `make_shared`: one of several that share `address`.
    struct shares_address {};
    listener(shares_address, boost::asio::any_io_executor executor, bool one_thread,
             std::shared_ptr<const session_context> context, const socket_address& address,
             std::shared_ptr<resource_shortage> told);

private:
    void bind(const socket_address& address, bool shared);
    class step;
    void go_on() noexcept;
    void wait_for_client() noexcept;
    bool wait_for_permits() noexcept;
    void back_off_a_while() noexcept;
    void leave_queue() noexcept;
    void wait_until(exchange_deadline::clock::time_point when) noexcept;
    void end() noexcept;
    void lost() noexcept;
    bool take_permits();
    void take_change();
    void accept_what_fits() noexcept;
    void accept_some();
    unique_fd accept_next(sockaddr* peer, socklen_t* size);
    void starve(int error);
    void refuse_with_spare();
    void recover();
    void refuse_at_once(unique_fd fd) const;
    void deny(unique_fd fd, const socket_address& peer) const;
    bool start_session(arrival came, const socket_address& peer) noexcept;
    bool is_proxy(const socket_address& peer) const noexcept;
    std::unique_ptr<preamble> preamble_of(bool proxied);

    boost::asio::any_io_executor executor_;
    const bool one_thread_; // runs it
    std::shared_ptr<const session_context> context_;
    boost::asio::ip::tcp::acceptor acceptor_;
    socket_address address_;
    bool wildcard_ = false;
    std::vector<std::shared_ptr<listener>>
        others_; // that share the address, for the other executors
    operation_memory client_memory_, queue_memory_,
        pause_memory_; // of what it waits for, one thing at a time
    std::optional<session_registry::keep_alive> may_bring_sessions_;
    const std::shared_ptr<waiter> pause_; // `close` wakes it
    bool somebody_came_ = false;          // and was not accepted yet
    std::atomic<bool> closing_{false};
    std::atomic<bool> lost_{false};
    std::optional<admission::permit> permit_;
    std::optional<admission::permit>
        handshake_permit_; // of those in their preamble, where there are any
    exchange_deadline::clock::time_point pause_until_{};
    std::atomic<bool> changed_{false}; // `next_` is to take the place of `context_`
    std::mutex mutex_;                 // of the next three
    std::shared_ptr<const session_context> next_;
    std::shared_ptr<waiter> ticket_;               // its place in the queue for a permit ...
    std::shared_ptr<const session_context> asked_; // ... of these
    std::shared_ptr<resource_shortage> shortage_;  // one for all that share the address
    unique_fd spare_; // given up for a moment to refuse a client when descriptors are short
};

} // namespace finpost
