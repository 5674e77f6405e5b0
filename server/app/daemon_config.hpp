#pragma once

#include "finpost/config.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/logger.hpp"
#include "finpost/units.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace finpost {

/// How a log line is written; `automatic` is text on a terminal and JSON everywhere else.
enum class log_format { automatic, text, json };

/// Where the log goes and how it looks.
struct log_config {
    log_level level = log_level::info;
    log_format format = log_format::automatic;
    /// Appended to, created where it is missing; empty = standard error.
    std::string file;
};

/// Everything `finpostd` is told: what its command line, its environment and its files come down
/// to.
struct daemon_config {
    gateway_config gateway;
    /// Has no endpoints with `demo`: the daemon sets the one it makes.
    upstream_config upstream;
    /// The built-in HTTP echo service is the upstream.
    bool demo = false;

    /// Threads that run the event loop; 0 = one for each core.
    std::size_t threads = 0;
    /// The admin port; none = off.
    std::optional<socket_address> admin = parse_socket_address("127.0.0.1:9180").value();

    /// The time exchanges in flight get to finish, and the time between the readiness flip and
    /// closing the acceptors, for load balancers to notice. Both may be zero.
    duration drain{30'000};
    duration drain_delay{0};

    log_config log;
};

} // namespace finpost
