#pragma once

#include <cstddef>

namespace finpost {

/// Connections for which there are descriptors.
struct connection_limits {
    std::size_t clients;
    std::size_t upstream;
    friend bool operator==(const connection_limits&, const connection_limits&) = default;
};

/// What connections need beside a descriptor for each client.
struct descriptors_beside {
    std::size_t upstream =
        1; ///< for each connection to the upstream; two when the service is in this process
    std::size_t files =
        0; ///< for payloads and replies in files: one a client, and no more than these
    std::size_t queue = 0; ///< for a queue: its database, and what it delivers at once
};

/// What remains of `wanted` when the process may have `descriptors` open: every client may need a
/// connection to the upstream and a file, and a few stay reserved for everything else. Never less
/// than one client.
connection_limits within_descriptors(std::size_t descriptors, connection_limits wanted,
                                     descriptors_beside beside);

/// Files that are reckoned with where payloads go to files: with more than these at once, each of
/// them megabytes, the disk is short before descriptors are.
inline constexpr std::size_t files_at_once = 1'024;

/// What a queue has open beside its deliveries: database, log, lock, directories, a payload's file
/// that is being written, the control socket with its clients.
inline constexpr std::size_t queue_descriptors = 32;

/// Raises the soft limit on open files to the hard one and returns what is in force.
std::size_t raise_descriptor_limit() noexcept;

} // namespace finpost
