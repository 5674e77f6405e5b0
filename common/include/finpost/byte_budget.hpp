#pragma once

#include "finpost/error.hpp"
#include "finpost/export.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace finpost {

class payload;

/// A limit on bytes held at once, shared by everything that buffers. A null pointer is no budget: a
/// `payload` without one is unlimited.
///
/// Threads: a budget is called from any thread, several at once.
/// Lifetime: it outlives every payload and file that takes from it.
class FINPOST_EXPORT byte_budget {
public:
    virtual ~byte_budget() = default;
    /// Takes `n` bytes out of the budget; false, and nothing taken, when they are not there.
    virtual bool try_take(std::size_t n) noexcept = 0;
    /// Gives back `n` bytes that were taken.
    virtual void give_back(std::size_t n) noexcept = 0;
    /// Calls `wake` once when bytes are given back next, from the thread that gives them. A budget
    /// that never refuses need not do anything. Throws std::bad_alloc.
    virtual void on_release(std::function<void()> wake) { static_cast<void>(wake); }

    /// Whether a payload of `size` bytes belongs in a file. A budget without files says no.
    virtual bool spills(std::uint64_t size) const noexcept {
        static_cast<void>(size);
        return false;
    }
    /// Moves the bytes of a payload that cannot grow in memory to a file (`payload::spill`).
    /// `reason::busy` without files.
    virtual error_code spill(payload& bytes) {
        static_cast<void>(bytes);
        return reason::busy;
    }
    /// What a writer is told when the system says `why` about such a file.
    virtual error_code spill_error(error_code why) { return why; }
};

/// Bytes that stay taken from a budget until this goes. Movable. The budget outlives it.
class counted_bytes {
public:
    counted_bytes() noexcept = default;
    counted_bytes(byte_budget* of, std::size_t n) noexcept : of_(of), n_(n) {}
    counted_bytes(counted_bytes&& other) noexcept
        : of_(std::exchange(other.of_, nullptr)), n_(other.n_) {}
    counted_bytes& operator=(counted_bytes&& other) noexcept {
        std::swap(of_, other.of_);
        std::swap(n_, other.n_);
        return *this;
    }
    ~counted_bytes() {
        if (of_ != nullptr && n_ != 0) of_->give_back(n_);
    }

private:
    byte_budget* of_ = nullptr;
    std::size_t n_ = 0;
};

} // namespace finpost
