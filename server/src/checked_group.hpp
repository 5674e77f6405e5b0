#pragma once

#include "listener_parts.hpp"

#include "finpost/gateway.hpp"
#include "finpost/logger.hpp"

#include <memory>
#include <vector>

namespace finpost {

/// A group whose configuration is good, and what it runs with.
struct checked_group {
    listener_group group;
    listener_parts parts;
};

namespace detail {

/// The door for finpostd, which has validated its groups already, each and all together: nothing is
/// read or made a second time.
struct gateway_access {
    static std::unique_ptr<gateway> make(event_loops loops, std::vector<checked_group> groups,
                                         metrics& counters, logger log);
    static void change(gateway& running, std::vector<checked_group> groups);
};

} // namespace detail

} // namespace finpost
