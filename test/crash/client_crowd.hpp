#pragma once

#include "finpost/endpoint.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace finpost::test {

/// Clients that send one payload after another to a gateway that dies under them, and keep what
/// they have a receipt for. Thread safe.
class client_crowd {
public:
    client_crowd(std::size_t clients, std::uint64_t seed);
    ~client_crowd();
    client_crowd(const client_crowd&) = delete;
    client_crowd& operator=(const client_crowd&) = delete;

    /// Where the gateway is, and whether it reads frames (length:u32be), several on a connection.
    /// Who has been cut off waits for the next call.
    void go_to(const socket_address& gateway, bool framed);
    /// When it returns, no client has an exchange any more.
    void stop();

    /// Receipts that were read whole: the identifier, and the hash of the payload.
    std::map<std::string, std::size_t> receipts() const;
    std::size_t received() const noexcept { return received_; }
    std::size_t sent() const noexcept { return sent_; }
    /// The first thing that no client should see; empty while there is none.
    std::string problem() const;

private:
    struct place {
        socket_address address;
        bool framed = false;
        std::size_t number = 0;
    };
    void run(std::size_t client, std::uint64_t seed);
    std::optional<place> wait_for_one_after(std::size_t number);
    bool exchange(const place& with, const std::vector<std::string>& bodies);
    void note(const std::string& id, const std::string& body);

    std::atomic<std::size_t> sent_{0};
    std::atomic<std::size_t> received_{0};
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<place> gateway_;
    bool stopping_ = false;
    std::map<std::string, std::size_t> receipts_;
    std::string problem_;
    std::vector<std::thread> threads_;
};

} // namespace finpost::test
