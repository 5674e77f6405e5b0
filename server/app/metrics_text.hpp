#pragma once

#include "finpost/http_upstream.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

struct metrics;

/// What `/metrics` shows beside the library's counters.
struct daemon_numbers {
    std::string_view version;
    std::vector<http_upstream::endpoint_status> endpoints;
    std::uint64_t log_dropped = 0;
    std::uint64_t internal_errors = 0; ///< exceptions that reached a thread of the event loop
};

/// The counters in the Prometheus text format 0.0.4. Its own few lines need no registry: the
/// library's counters are the registry.
std::string metrics_text(const metrics& counters, const daemon_numbers& more);

} // namespace finpost
