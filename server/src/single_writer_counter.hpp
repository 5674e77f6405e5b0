#pragma once

#include <atomic>
#include <cstddef>

namespace finpost::detail {

/// A number that one thread at a time changes and anybody may read meanwhile. To its owner it costs
/// what a plain number costs.
class single_writer_counter {
public:
    void set(std::size_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    void add(std::size_t n) noexcept { set(value() + n); }
    std::size_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::size_t> value_{0};
};

} // namespace finpost::detail
