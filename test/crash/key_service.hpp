#pragma once

#include "finpost/endpoint.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>

namespace finpost::test {

/// What a service does wrong on purpose, so that whoever checks must notice.
enum class broken_service { none, forgets, corrupts };

/// An HTTP service that knows each Idempotency-Key that it has taken, and what came with it. It
/// fails at random: 503, an answer that is late, cut or never given, though the payload was taken.
/// Blocking sockets and a thread for each connection, nothing of finpost's HTTP code. Thread safe.
class key_service {
public:
    key_service(std::uint64_t seed, broken_service broken);
    ~key_service();
    key_service(const key_service&) = delete;
    key_service& operator=(const key_service&) = delete;

    const socket_address& address() const noexcept { return address_; }
    /// From now on it takes everything at once.
    void calm_down() { calm_ = true; }

    /// What has been taken with that key: the hash of its bytes.
    std::optional<std::size_t> taken(const std::string& key) const;
    std::size_t keys() const;
    std::size_t repetitions() const;
    /// The first thing that no service should see; empty while there is none.
    std::string problem() const;

private:
    struct connection {
        int fd = -1;
        std::thread thread;
        std::atomic<bool> over{false};
    };
    enum class answer { good, unavailable, cut, none };

    void accept_all();
    void forget_those_that_are_over();
    void serve(connection& on);
    bool serve_one(int fd, std::string& input);
    answer draw(int fd);
    void take(const std::string& key, std::string_view body);

    const int listener_;
    socket_address address_;
    const broken_service broken_;
    std::atomic<bool> calm_{false};
    std::atomic<bool> stopping_{false};
    mutable std::mutex mutex_;
    std::mt19937_64 random_;
    std::map<std::string, std::size_t> taken_;
    std::map<std::size_t, std::string> key_of_; // of bodies that are like no other
    std::size_t repetitions_ = 0;
    std::string problem_;
    std::list<connection> connections_;
    std::thread acceptor_;
};

/// Bodies of that size and more are like no other: nothing else has the same bytes.
inline constexpr std::size_t unique_from = 16;

} // namespace finpost::test
