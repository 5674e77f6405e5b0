#pragma once

#include "finpost/http_upstream.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace finpost {

/// Why none of an upstream's endpoints can be used, each with its cause and for how long:
/// "10.0.0.5:3000: Connection refused, for 2 m 10 s; ..."; empty when one of them can.
std::string no_usable_endpoint(const std::vector<http_upstream::endpoint_status>& endpoints,
                               std::chrono::steady_clock::time_point now);

/// "10 s", "2 m 10 s", "3 h 5 m", "4 d 7 h": the two largest units, or one.
std::string for_how_long(std::chrono::steady_clock::duration age);

} // namespace finpost
