#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/frame_spec.hpp"
#include "finpost/units.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace finpost {

/// The options of `finpost load` as a person wrote them. Empty: not given.
struct load_arguments {
    std::string target;
    std::string connections;
    std::string requests;
    std::string duration;
    std::string size;
    std::string rate;
    std::string slow;
    std::string timeout;
    std::string frame;
    std::string per_connection;
    bool no_verify = false;
};

/// What a run does, validated.
struct load_plan {
    host_port target;
    std::size_t connections = 64; ///< exchanges at once, at most; 0 only with slow clients
    std::uint64_t requests = 0;   ///< exchanges in all; 0 = as many as `length` allows
    /// When the last exchange is started. Without `requests` 10 s; with them only a bound, 120 s.
    finpost::duration length{};
    std::uint64_t size = 1024; ///< of a payload, at least 1: without a byte it would be a probe
    bool verify = true;        ///< the reply must be the payload
    std::uint64_t rate = 0;    ///< arrivals a second, whatever the replies do; 0 = closed loop
    std::size_t slow = 0;      ///< clients that send a byte a second, beside
    finpost::duration timeout{20'000}; ///< for one exchange, from connecting to EOF
    frame_spec frame;                  ///< with one that is not `eof`: many on a connection,
    std::uint64_t per_connection = UINT64_MAX; ///< and so many at most
};

/// Reads the options; what is wrong is added to `problems`, each with the option's name.
std::optional<load_plan> read_load_plan(const load_arguments& from,
                                        std::vector<std::string>& problems);

} // namespace finpost
