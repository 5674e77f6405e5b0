#include "client_socket.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace finpost {

namespace {

error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

} // namespace

client_socket::client_socket(asio::any_io_executor strand, int fd, bool v6)
    : socket_(std::move(strand)), fd_(fd), v6_(v6) {}

client_socket::~client_socket() { close(); }

result<std::size_t> client_socket::read_some(std::span<std::byte> room) noexcept {
    for (;;) {
        const ssize_t n = ::recv(fd_, room.data(), room.size(), 0);
        if (n > 0) return static_cast<std::size_t>(n);
        if (n == 0) return error_code(asio::error::eof);
        if (errno != EINTR) return last_error();
    }
}

asio::awaitable<std::tuple<error_code>> client_socket::async_wait_readable() {
    register_for_events();
    return socket_.async_wait(tcp::socket::wait_read, as_result);
}

result<std::size_t> client_socket::write_some(std::span<const std::byte> data) noexcept {
    for (;;) {
        const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) return last_error();
    }
}

asio::awaitable<std::tuple<error_code>> client_socket::async_wait_writable() {
    register_for_events();
    return socket_.async_wait(tcp::socket::wait_write, as_result);
}

void client_socket::when_reset(std::function<void(error_code)> gone) {
    register_for_events();
    socket_.async_wait(tcp::socket::wait_error,
                       asio::bind_executor(socket_.get_executor(), std::move(gone)));
}

// Where this fails, the wait that follows fails on a socket that is not open.
void client_socket::register_for_events() {
    error_code ignored;
    if (!socket_.is_open()) socket_.assign(v6_ ? tcp::v6() : tcp::v4(), fd_, ignored);
}

void client_socket::shutdown_send() noexcept { ::shutdown(fd_, SHUT_WR); }

void client_socket::cancel() noexcept {
    error_code ignored;
    if (socket_.is_open()) socket_.cancel(ignored);
}

void client_socket::close() noexcept {
    if (fd_ < 0) return;
    error_code ignored;
    if (socket_.is_open()) socket_.close(ignored);
    else ::close(fd_);
    fd_ = -1;
}

void client_socket::reset() noexcept {
    const linger at_once{1, 0};
    if (fd_ >= 0) ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

} // namespace finpost
