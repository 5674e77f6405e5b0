#pragma once

#include "checked_group.hpp"
#include "net/inherited_sockets.hpp"

#include "finpost/gateway.hpp"
#include "finpost/logger.hpp"

#include <memory>
#include <vector>

namespace finpost::detail {

/// The door for finpostd, which has validated its groups already, each and all together: nothing is
/// read or made a second time. An address that is one of `inherited` is not bound: that socket is
/// used.
struct gateway_access {
    static std::unique_ptr<gateway> make(event_loops loops, std::vector<checked_group> groups,
                                         inherited_sockets inherited, metrics& counters,
                                         logger log);
    static void change(gateway& running, std::vector<checked_group> groups);
};

} // namespace finpost::detail
