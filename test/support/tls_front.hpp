#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/tls_context.hpp"

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace finpost::test {

/// TLS in front of a service that has none, byte by byte: what a scripted upstream says goes out in
/// TLS, and what it ends ends with a close_notify, or is cut. A thread for each connection. On
/// 127.0.0.1, any port.
class tls_front {
public:
    enum class manner {
        proper, ///< an end of the service becomes a close_notify and a FIN
        cut,    ///< ... a FIN without one
        mute,   ///< accepts, and never says a word of the handshake
    };
    tls_front(const tls_context& context, const socket_address& behind,
              manner how = manner::proper);
    ~tls_front();
    tls_front(const tls_front&) = delete;
    tls_front& operator=(const tls_front&) = delete;

    const socket_address& address() const noexcept { return address_; }
    http_url url(const std::string& target = "/upload") const;

    /// Handshakes that succeeded and were followed by a byte, and how many of them were resumed. A
    /// gateway that only looks whether somebody is there sends none.
    std::size_t agreed() const noexcept { return agreed_; }
    std::size_t resumed() const noexcept { return resumed_; }
    /// Of these, those that ended with a close_notify.
    std::size_t goodbyes() const noexcept { return goodbyes_; }

private:
    void accept_all();
    void serve(int client);

    const tls_context context_;
    const socket_address behind_;
    const manner how_;
    int listener_ = -1;
    socket_address address_;
    std::atomic<std::size_t> agreed_{0}, resumed_{0}, goodbyes_{0};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<int> open_;            // under the mutex
    std::vector<std::thread> threads_; // of the accepting thread
    std::thread acceptor_;
};

} // namespace finpost::test
