#pragma once

#include "finpost/endpoint.hpp"

#include <cstddef>
#include <optional>
#include <vector>

namespace finpost::detail {

/// What a change of the listener groups does to the sockets that listen and to the counts of
/// connections. It is decided here, before anything is done: plain code without a socket.
struct listener_plan {
    /// An address of a group of listeners.
    struct binding {
        socket_address wanted; ///< as it was asked for: port 0 is port 0
        std::size_t group = 0; ///< its index
        friend bool operator==(const binding&, const binding&) = default;
    };
    /// An address after the change.
    struct slot : binding {
        std::optional<std::size_t> kept; ///< the index of the old binding that serves it
    };

    /// In the order of the groups and of their addresses.
    std::vector<slot> slots;
    /// For each group the old group whose admission it goes on with; none: it counts anew.
    std::vector<std::optional<std::size_t>> admissions;
    /// The indices of the old bindings that serve nothing any more.
    std::vector<std::size_t> closed;
};

/// `before` are the bindings in force, `wanted` the addresses of each group that is to come.
///
/// An address that was asked for in the same way before keeps its socket, whichever group it was
/// in; several equal ones are matched in their order. A group goes on with the admission of the
/// first of its kept addresses whose admission no group before it has: an old group that is split
/// goes on with its count in one part only.
listener_plan plan_listeners(const std::vector<listener_plan::binding>& before,
                             const std::vector<std::vector<socket_address>>& wanted);

} // namespace finpost::detail
