// Runs one schedule: the gateway and its forwarder, unmodified, on the simulated kernel.
#pragma once

#include "sim/history.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace finpost::sim {

/// What became of one client.
struct client_result {
    ending how = ending::none;
    std::string got, logged, reason;
};

struct run_result {
    std::vector<std::string> wrong; ///< what does not hold, each with the name of its invariant
    std::deque<std::string> trace;  ///< its last lines, when asked for
    std::uint64_t hash = 0, ticks = 0, calls = 0, allocations = 0, posts = 0, retries = 0;
    std::vector<client_result> clients;
    metrics::sessions sessions{};
    hardship_counts hits{};
    conduct_counts conducts{};
    nanos took = 0;
};

/// `trace_lines`: how much of the trace is kept.
run_result run(const plan& what, std::size_t trace_lines = 0);

} // namespace finpost::sim
