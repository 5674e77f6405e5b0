#pragma once

#include "session.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>

#include <memory>

namespace finpost {

/// One listening socket. It takes a permit before it accepts, so a flood waits in the kernel's backlog
/// and costs nothing here.
class listener : public std::enable_shared_from_this<listener> {
public:
    /// Binds and listens; throws boost::system::system_error that names the address.
    listener(boost::asio::any_io_executor executor, std::shared_ptr<const session_context> context,
             admission& admits, const socket_address& address);

    /// Accepts until `close`. Keeps itself and the context alive meanwhile.
    void start();

    /// No connection is accepted from now on. From any thread.
    void close() noexcept;

    const socket_address& address() const noexcept { return address_; }

private:
    boost::asio::awaitable<void> run();
    boost::asio::awaitable<void> wait_for_permit();
    boost::asio::awaitable<void> pause();
    void accept_some();
    void starve(int error);
    void refuse_at_once(int fd) const;
    bool start_session(unique_fd fd, const socket_address& peer) noexcept;

    boost::asio::any_io_executor executor_;
    boost::asio::strand<boost::asio::any_io_executor> strand_;
    std::shared_ptr<const session_context> context_;
    admission& admission_;
    boost::asio::ip::tcp::acceptor acceptor_;
    socket_address address_;
    bool wildcard_;
    watchdog dog_; // never expires: `close` stops it
    std::optional<admission::permit> permit_;
    watchdog::clock::time_point pause_until_{};
    bool starving_ = false; // descriptors or memory are short, and that has been logged
    unique_fd spare_;       // given up for a moment to refuse a client when descriptors are short
};

} // namespace finpost
