#pragma once

#include <cstddef>

namespace finpost {

/// Connections for which there are descriptors.
struct connection_limits {
    std::size_t clients;
    std::size_t upstream;
    friend bool operator==(const connection_limits&, const connection_limits&) = default;
};

/// What remains of `wanted` when the process may have `descriptors` open: every client may need a
/// connection to the upstream, which takes two descriptors when the service is in the same process
/// (`demo`); a few stay reserved for everything else. Never less than one client.
connection_limits within_descriptors(std::size_t descriptors, connection_limits wanted, bool demo);

/// Raises the soft limit on open files to the hard one and returns what is in force.
std::size_t raise_descriptor_limit() noexcept;

} // namespace finpost
