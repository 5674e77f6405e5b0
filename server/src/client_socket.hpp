#pragma once

#include "finpost/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <tuple>

namespace finpost {

/// One client's connection.
///
/// It tries the system call first and waits only when it must: a payload is often there, FIN included,
/// when the connection is accepted, and such a connection never needs to be registered for events.
/// Belongs to its session's strand. Closes itself.
class client_socket {
public:
    /// Takes the accepted, non-blocking descriptor `fd`.
    client_socket(boost::asio::any_io_executor strand, int fd, bool v6);
    ~client_socket();
    client_socket(const client_socket&) = delete;
    client_socket& operator=(const client_socket&) = delete;

    /// Reads what is there now; `error::would_block` when nothing is, `error::eof` at the FIN.
    result<std::size_t> read_some(std::span<std::byte> room) noexcept;
    /// Waits until there is something to read, an end included. Whoever waits holds no buffer: that is
    /// most of what a slow client costs. `cancel` ends it with `operation_aborted`.
    boost::asio::awaitable<std::tuple<error_code>> async_wait_readable();

    /// Writes what can be written now; never a SIGPIPE.
    result<std::size_t> write_some(std::span<const std::byte> data) noexcept;
    boost::asio::awaitable<std::tuple<error_code>> async_wait_writable();

    /// Calls `gone` on the strand when the peer resets the connection (a FIN is no reset), or with the
    /// wait cancelled. After the EOF only: it would see unread data as well.
    void when_reset(std::function<void(error_code)> gone);

    /// Sends the FIN and keeps reading.
    void shutdown_send() noexcept;
    /// Ends a pending operation.
    void cancel() noexcept;
    void close() noexcept;
    /// Closes with a RST: the peer cannot take it for an end.
    void reset() noexcept;

private:
    void register_for_events();

    boost::asio::ip::tcp::socket socket_;
    int fd_;
    bool v6_;
};

} // namespace finpost
