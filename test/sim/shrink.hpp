// The smallest part of a failing plan that still fails, and the words for people.
#pragma once

#include "sim/plan.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace finpost::sim {

/// Drops clients and acts and puts fields back to their defaults, for as long as the invariant
/// `broken` (by its name) is still broken. A part that is dropped shifts what the kernel throws, so
/// other throws are tried as well.
plan shrink(plan what, std::string_view broken, unsigned most_runs = 4'000);

/// What is wrong, the commit, the shrunk plan and the trace's last lines.
std::string explain(std::uint64_t seed, const plan& what);

} // namespace finpost::sim
