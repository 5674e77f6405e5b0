// Clients of the gateway, inside the simulated kernel.
#pragma once

#include "sim/history.hpp"
#include "sim/script.hpp"

namespace finpost::sim {

constexpr std::uint16_t gateway_port = 5000, second_group_port = 5002, first_client_port = 20'000;

/// Fills in what a client will send.
void prepare(client_history& one, const plan& what);

/// Its life; calls `over` at its end.
script run_client(history& all, client_history& me, std::function<void()> over);

} // namespace finpost::sim
