#pragma once

#include <atomic>
#include <chrono>

namespace finpost::detail {

/// Says yes once, and then not again for a while: for what would be told with every exchange
/// otherwise. Thread safe.
class log_throttle {
public:
    using clock = std::chrono::steady_clock;

    explicit log_throttle(clock::duration pause) noexcept : pause_(pause) {}

    bool is_due(clock::time_point now) noexcept {
        const clock::rep at = now.time_since_epoch().count();
        clock::rep next = next_.load(std::memory_order_relaxed);
        return at >= next && next_.compare_exchange_strong(next, at + pause_.count());
    }

private:
    const clock::duration pause_;
    std::atomic<clock::rep> next_{0};
};

} // namespace finpost::detail
