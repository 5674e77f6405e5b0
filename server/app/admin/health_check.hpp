#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/units.hpp"

#include <optional>
#include <string>

namespace finpost {

/// Asks the admin port of a running gateway for /healthz, for no longer than `limit`: what
/// `finpostd --health` does. Empty when it serves, otherwise one line that says why not.
///
/// `admin` is the address the gateway was told: an address of all interfaces is asked on loopback.
std::string check_health(const std::optional<socket_address>& admin, duration limit);

} // namespace finpost
