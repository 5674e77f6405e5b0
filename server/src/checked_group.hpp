#pragma once

#include "listener_parts.hpp"

#include "finpost/listener_group.hpp"

namespace finpost::detail {

/// A group whose configuration is good, and what it runs with.
struct checked_group {
    listener_group group;
    listener_parts parts;
};

} // namespace finpost::detail
