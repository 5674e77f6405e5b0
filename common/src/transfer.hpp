#pragma once

#include "finpost/error.hpp"

#include <cstddef>

namespace finpost::detail {

/// What to wait for before the same call is made again.
enum class readiness { none, readable, writable };

/// What one step on a connection that never blocks came to: exactly one of some bytes (or, where
/// there are none to move, success), the peer's end, something to wait for, and an error.
struct transfer {
    std::size_t size = 0;
    bool ended = false; ///< the peer has ended its direction in the way that counts as complete
    readiness wait_for = readiness::none;
    error_code error;
};

} // namespace finpost::detail
