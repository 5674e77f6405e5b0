#pragma once

#include "finpost/http_upstream.hpp"
#include "finpost/queued_payload.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
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
    std::uint64_t reloads = 0;         ///< of the configuration, that were made
    std::uint64_t reloads_failed = 0;  ///< and that were not, because something in it was wrong
    bool draining = false;             ///< told to stop
    std::size_t max_connections = 0;   ///< in force, so after a shortage of descriptors
    std::uint64_t max_buffered = 0;    ///< bytes
    /// Seconds until the first certificate of that side expires; none without one.
    std::optional<std::int64_t> listener_certificate = {}, upstream_certificate = {};
    std::optional<queue_stats> queue = {}; ///< none without a queue
    /// When the configuration in force was taken, at the start or by a reload, in seconds since
    /// 1970, and whether no reload has failed since.
    std::int64_t last_reload = 0;
    bool last_reload_ok = true;
};

/// The counters in the Prometheus text format 0.0.4, written by prometheus-cpp. There is no
/// registry of its kind: the library's counters are the registry.
std::string metrics_text(const metrics& counters, const daemon_numbers& more);

} // namespace finpost
