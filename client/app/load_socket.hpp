#pragma once

#include "finpost/endpoint.hpp"

#include <cstdint>

namespace finpost {

/// Begins a non-blocking connection to `target`; the descriptor, or -1 with `errno`. Whether it was
/// established shows when it is first written to.
///
/// The client is the one that half-closes first, so its side keeps the port in TIME_WAIT for a
/// minute, and one address has about 28,000 of them. A loopback target is therefore connected to
/// from many loopback addresses in turn, as `n` says.
int connect_from_many(const socket_address& target, std::uint64_t n) noexcept;

/// Whether closing `fd` resets the connection, by this program or by its end: so that a part of a
/// payload does not become a whole one at the gateway when the time is over or the program is
/// killed.
void reset_on_close(int fd, bool on) noexcept;

/// What `errno` says of a call that has failed: there is nothing to read, or no room, for now.
bool would_block() noexcept;

} // namespace finpost
