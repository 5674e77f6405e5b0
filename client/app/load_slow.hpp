#pragma once

#include "finpost/endpoint.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace finpost {

/// What became of the slow clients.
struct slow_result {
    std::size_t asked = 0;
    std::size_t opened = 0; ///< connected, and a byte was taken
    std::size_t stayed = 0; ///< of those, still connected and without a word when the run ended
    std::size_t answered =
        0; ///< of those, got the echo of what they had sent when they half-closed
};

/// Clients that connect, send one byte a second each and are held until the end: what an
/// event-driven gateway should hardly notice and a thread per client pays for.
class slow_clients {
public:
    using clock = std::chrono::steady_clock;

    slow_clients(const socket_address& target, std::size_t count);
    ~slow_clients();
    slow_clients(const slow_clients&) = delete;
    slow_clients& operator=(const slow_clients&) = delete;

    bool none() const noexcept { return clients_.empty(); }

    /// Opens them, no faster than a listener's backlog bears, and lets each send its first byte.
    /// Returns early when `interrupted`.
    void open(const std::atomic<bool>& interrupted);

    std::size_t opened() const noexcept;

    /// Sends the bytes that are due: they are spread evenly over each second. Called every few
    /// milliseconds.
    void drip(clock::time_point now) noexcept;

    /// Half-closes those that are left, reads their echoes for at most `limit`, closes everything.
    slow_result finish(const std::atomic<bool>& interrupted, bool verify,
                       std::chrono::milliseconds limit);

private:
    struct client {
        int fd = -1;
        std::uint32_t sent = 0;
        std::uint32_t received = 0;
        bool wrong = false;
    };

    enum class reading { more, complete, broken };
    reading read_echo(std::size_t which, bool verify) noexcept;
    void drop(client& slow) noexcept;

    socket_address target_;
    std::vector<client> clients_;
    clock::time_point began_{};
    std::uint64_t next_ = 0; // of all bytes, over all clients
};

} // namespace finpost
