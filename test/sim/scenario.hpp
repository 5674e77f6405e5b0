// What scenarios are made of.
#pragma once

#include "sim/world.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>

namespace finpost::sim {

/// One after another, each with a payload of its own.
plan with_clients(std::size_t n, std::uint64_t size = 200);

/// Runs it; every invariant must hold.
run_result check(const plan& what);

/// Every so-manyth call or event of the schedule, from the first to the last of the run without it.
void at_every_tick(const plan& what, std::uint64_t step,
                   const std::function<void(plan&, std::uint64_t)>& change);

act at_tick(act_kind kind, std::uint64_t tick, nanos grace = 0);

} // namespace finpost::sim
