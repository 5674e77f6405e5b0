#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace finpost::detail {

/// A shortage of descriptors or memory, which several event loops meet again and again: it is told
/// once when it begins and once when it is over. Thread safe.
class resource_shortage {
public:
    using clock = std::chrono::steady_clock;
    struct episode {
        clock::duration lasted;
        std::int64_t refused; ///< clients
    };

    /// The shortage was met. True when it has just begun.
    bool met(clock::time_point now);
    /// A client was refused for it.
    void refused();
    /// Whether there is one: all that an accept in good times costs.
    bool is_on() const noexcept { return on_.load(std::memory_order_relaxed); }
    /// While it is on: the right to take what is free, which no two loops have at a time, so that
    /// what one gives up to refuse a client with is not taken by another. In good times an empty
    /// one, at no cost.
    std::unique_lock<std::mutex> lock();
    /// The resource was there again, so the shortage is over. What it was, if there was one.
    std::optional<episode> over(clock::time_point now);

private:
    std::atomic<bool> on_{false};
    std::mutex exclusive_;
    std::mutex mutex_; // of what follows
    std::optional<clock::time_point> since_;
    std::int64_t refused_ = 0;
};

} // namespace finpost::detail
