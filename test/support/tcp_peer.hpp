#pragma once

#include "finpost/endpoint.hpp"

#include <cstddef>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>

namespace finpost::test {

/// The other side of one connection, for scripts: blocking, each call bounded by 20 s.
class peer_connection {
public:
    explicit peer_connection(int fd) : fd_(fd) {}
    ~peer_connection();
    peer_connection(const peer_connection&) = delete;
    peer_connection& operator=(const peer_connection&) = delete;

    std::string read_to_end();
    std::string read_at_least(std::size_t n);
    /// Whether reading ended with a reset instead of a FIN.
    bool was_reset() const noexcept { return was_reset_; }
    void send(std::string_view data);
    void half_close();
    void reset();
    /// Does nothing, and reads nothing of what the client sends, until the tcp_peer goes.
    void stay_silent();

private:
    friend class tcp_peer;
    int fd_;
    bool was_reset_ = false;
    std::future<void> released_;
};

/// A TCP server on a free port of loopback that serves one client by a script, on a thread of its
/// own. The connection is closed when the script returns. With `who_speaks` a client that ends
/// without a byte does not count, as a gateway that looks whether somebody is there.
class tcp_peer {
public:
    explicit tcp_peer(std::function<void(peer_connection&)> script, const char* host = "127.0.0.1",
                      bool who_speaks = false);
    ~tcp_peer();
    tcp_peer(const tcp_peer&) = delete;
    tcp_peer& operator=(const tcp_peer&) = delete;

    host_port address() const { return {address_.host(), address_.port()}; }

private:
    int listener_;
    socket_address address_;
    std::promise<void> release_;
    std::thread thread_;
};

} // namespace finpost::test
