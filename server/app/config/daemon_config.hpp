#pragma once

#include "config/delivery_settings.hpp"
#include "config/file_stamp.hpp"

#include "finpost/config.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/logger.hpp"
#include "finpost/units.hpp"
#include "finpost/upstream_config.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {
struct listener_parts;
struct upstream_parts;
} // namespace finpost::detail

namespace finpost {

/// How a log line is written; `automatic` is text on a terminal and JSON everywhere else.
enum class log_format { automatic, text, json };

/// Where the log goes and how it looks.
struct log_config {
    log_level level = log_level::info;
    log_format format = log_format::automatic;
    /// Appended to, created where it is missing; empty = standard error.
    std::string file;

    friend bool operator==(const log_config&, const log_config&) = default;
};

/// What was made while a configuration was validated, for the run. It follows from what was said,
/// so two configurations do not differ by it.
template <class Parts>
struct made_once {
    std::shared_ptr<const Parts> parts; ///< none while there is a problem
    friend bool operator==(const made_once&, const made_once&) noexcept { return true; }
};

/// Addresses whose clients are served alike, and the name of the upstream behind them.
struct listener_config {
    gateway_config gateway;
    std::string upstream;
    made_once<detail::listener_parts> made = {};
    listener_delivery delivery = {};
    friend bool operator==(const listener_config&, const listener_config&) = default;
};

struct named_upstream {
    std::string name;
    upstream_config config;
    made_once<detail::upstream_parts> made = {};
    upstream_delivery delivery = {};
    friend bool operator==(const named_upstream&, const named_upstream&) = default;
};

/// Settings as they were written, by flag; what is not there has its default.
using written_values = std::map<std::string_view, std::vector<std::string>>;

/// Where a configuration's values come from, for showing it: see `effective_config`.
struct written_config {
    bool long_form = false; ///< the file has tables
    written_values process;
    std::vector<written_values> listeners, upstreams; ///< one each in the short form
    /// About what its values refer to: each names its place, and no secret.
    std::vector<std::string> warnings = {};
    /// Every file that was read for it, as each was just before.
    std::vector<file_stamp> files = {};
    friend bool operator==(const written_config&, const written_config&) = default;
};

/// A gateway for clients of this machine.
inline gateway_config default_gateway() {
    gateway_config config;
    config.listen = {parse_socket_address("127.0.0.1:5000").value()};
    return config;
}

/// Everything `finpostd` is told: what its command line, its environment and its file come down to.
struct daemon_config {
    /// At least one of each; upstreams by their names, which are unique.
    std::vector<listener_config> listeners;
    std::vector<named_upstream> upstreams;

    /// What options are set in while they are read. In the short form, which describes one
    /// listener group and one upstream, `listeners` and `upstreams` repeat them. In the long form
    /// the whole process is limited by `gateway.max_buffered`, and the rest are defaults.
    gateway_config gateway = default_gateway();
    /// Has no endpoints with `demo`: the daemon sets the one it makes.
    upstream_config upstream;
    listener_delivery of_listener;
    upstream_delivery of_upstream;
    /// The built-in HTTP echo service is the upstream.
    bool demo = false;

    queue_settings queue;

    /// Threads that run the event loop; 0 = one for each core.
    std::size_t threads = 0;
    /// The admin port; none = off.
    std::optional<socket_address> admin = parse_socket_address("127.0.0.1:9180").value();

    /// The time exchanges in flight get to finish, and the time between the readiness flip and
    /// closing the acceptors, for load balancers to notice. Both may be zero.
    duration drain{30'000};
    duration drain_delay{0};

    /// How often the files that all this was read from are looked at, for a reload; none = never.
    std::optional<duration> reload_every;

    log_config log;
    written_config written;

    friend bool operator==(const daemon_config&, const daemon_config&) = default;
};

} // namespace finpost
