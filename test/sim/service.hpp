// The HTTP service behind the gateway, inside the simulated kernel.
#pragma once

#include "sim/history.hpp"
#include "sim/script.hpp"

namespace finpost::sim {

struct tcp_end;
constexpr std::uint16_t service_port = 3000, second_service_port = 3001, strangers_port = 4999;

/// Serves one connection: each request as the plan of its client says.
script serve_connection(history& all, tcp_end& sock);

} // namespace finpost::sim
