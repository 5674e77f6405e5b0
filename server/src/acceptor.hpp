#pragma once

#include "accept_permits.hpp"
#include "accept_shortage.hpp"
#include "async/operation_memory.hpp"
#include "net/listening_socket.hpp"
#include "policy/wait_queue.hpp"
#include "session/accepted_client.hpp"
#include "session/session_context.hpp"
#include "session/session_registry.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace finpost::detail {

/// One listening socket of one event loop. It takes its permits before it accepts, so a flood
/// waits in the kernel's backlog and costs nothing here.
///
/// Its waits follow each other by callbacks and not in a coroutine: they have memory of their own,
/// so that nothing can end them but `close`. One is under way at a time, so its steps need no
/// strand, which takes memory.
class acceptor : public std::enable_shared_from_this<acceptor> {
public:
    /// Binds and listens, as `listening_socket`. Sessions run on `executor`, which one thread runs
    /// or in strands of their own. `shortage` is met together with others on the same address.
    acceptor(boost::asio::any_io_executor executor, bool one_thread, const listening_place& place,
             std::shared_ptr<const session_context> context,
             std::shared_ptr<resource_shortage> shortage);

    /// Accepts until `close`. Keeps itself and the context alive meanwhile.
    void start();
    /// As `address_listener` has them; from any thread.
    void change(std::shared_ptr<const session_context> context) {
        permits_.change(std::move(context));
    }
    void close() noexcept;
    bool works() const noexcept { return !closing_ && !lost_; }

    const socket_address& address() const noexcept { return socket_.address(); }

private:
    using clock = std::chrono::steady_clock;
    class step;
    void go_on() noexcept;
    void wait_for_client() noexcept;
    bool wait_for_permits() noexcept;
    void back_off() noexcept;
    void wait_until(clock::time_point when) noexcept;
    void end() noexcept;
    void lost() noexcept;
    void accept_batch() noexcept;
    void accept_some();
    listening_socket::accepted accept_next() noexcept;
    bool serve_client(listening_socket::accepted client);
    bool start_session(accepted_socket accepted, const socket_address& peer, bool proxied) noexcept;
    void note_shortage(error_code shortage);

    const boost::asio::any_io_executor executor_;
    const bool one_thread_; // runs it
    listening_socket socket_;
    accept_permits permits_;
    operation_memory client_memory_, queue_memory_, pause_memory_; // one wait at a time
    std::optional<session_registry::keep_alive> may_bring_sessions_;
    const std::shared_ptr<waiter> pause_; // `close` wakes it
    bool client_waits_ = false;           // and was not accepted yet
    clock::time_point pause_until_{};
    std::atomic<bool> closing_{false};
    std::atomic<bool> lost_{false};
    accept_shortage shortage_;
};

} // namespace finpost::detail
