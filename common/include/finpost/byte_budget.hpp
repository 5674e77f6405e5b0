#pragma once

#include "finpost/export.hpp"

#include <cstddef>
#include <functional>

namespace finpost {

/// A limit on bytes held at once, shared by everything that buffers. Thread safe.
///
/// The null object is no budget at all: a `payload` without one is unlimited.
class FINPOST_EXPORT byte_budget {
public:
    virtual ~byte_budget() = default;
    /// Takes `n` bytes out of the budget; false, and nothing taken, when they are not there.
    virtual bool try_take(std::size_t n) noexcept = 0;
    /// Gives `n` bytes back.
    virtual void give_back(std::size_t n) noexcept = 0;
    /// Calls `wake` once when bytes are given back next, from whatever thread gives them. A budget
    /// that never refuses need not do anything.
    virtual void on_release(std::function<void()> wake) { static_cast<void>(wake); }
};

} // namespace finpost
