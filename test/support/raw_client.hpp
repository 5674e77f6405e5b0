#pragma once

#include "finpost/endpoint.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace finpost::test {

/// A TCP client of system calls only, as a device would be: nothing of finpost or Asio in it.
/// Blocking, every call bounded by `limit`; a call that cannot do its work throws std::system_error
/// or, when the time is up, std::runtime_error.
class raw_client {
public:
    using milliseconds = std::chrono::milliseconds;

    explicit raw_client(const socket_address& to, milliseconds limit = milliseconds(20'000));
    ~raw_client(); // closes as the kernel likes: RST when something is unread
    raw_client(raw_client&& other) noexcept;
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;

    /// Sends all of `data`.
    raw_client& send(std::string_view data);
    /// Sends what the kernel takes within `limit`; returns how much that was. Never throws.
    std::size_t send_some(std::string_view data, milliseconds limit) noexcept;
    /// Sends `data` and the FIN in one segment where the kernel can (MSG_MORE, then shutdown).
    raw_client& send_with_fin(std::string_view data);
    /// shutdown(SHUT_WR): the FIN.
    raw_client& half_close();
    /// Closes with a RST.
    void reset();
    void close();

    enum class ending { fin, reset, timeout };
    struct received {
        std::string bytes;
        ending how;
    };
    /// Reads until the other side ends.
    received read_to_end();
    /// Reads until `n` bytes are there or the other side ends.
    std::string read_at_least(std::size_t n);

    int fd() const noexcept { return fd_; }
    socket_address local() const;

private:
    int fd_ = -1;
    milliseconds limit_;
};

/// Connect, send, half-close, read to the end: the whole job of a client.
raw_client::received exchange(const socket_address& to, std::string_view data);

} // namespace finpost::test
