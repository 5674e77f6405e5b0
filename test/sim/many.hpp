// Many schedules, in several processes.
#pragma once

#include "sim/world.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::sim {

struct totals {
    std::uint64_t schedules = 0, failed = 0, replied = 0, refused = 0, aborted = 0, probes = 0,
                  posts = 0, retries = 0, ticks = 0, another_hash = 0, hash = 0;
    double seconds = 0, simulated = 0; ///< of a processor; of the simulated kernel
    hardship_counts hits{};
    conduct_counts conducts{};
    rule_counts rules{}; ///< schedules that have each of them
};

struct many_options {
    std::uint64_t first_seed = 1, count = 1'000;
    double seconds = 1e9; ///< no new one after so long
    unsigned jobs = 1;
    bool first = false;     ///< stop at the first that fails, in each job
    unsigned explained = 3; ///< of the failed ones, shrunk and printed
};

/// Runs the seeds from the first on; each hundredth twice. What fails is printed.
totals run_many(const many_options& how);
/// What the schedules are made of: hardships, conduct of peers and host, drawn rules.
struct seen_thing {
    std::string_view group, name;
    std::uint64_t times;
};
std::vector<seen_thing> seen_things(const totals& all);
/// A table of them.
std::string text_of(const totals& all);

} // namespace finpost::sim
