#pragma once

#include "finpost/error.hpp"
#include "finpost/export.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>

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

} // namespace finpost
