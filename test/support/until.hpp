#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace finpost::test {

/// Looks again, giving the processor away in between, until it is so: for what nobody announces.
/// False after 20 seconds.
inline bool until(const std::function<bool()>& is_so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!is_so()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

} // namespace finpost::test
