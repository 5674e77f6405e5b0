#include "admin/readiness.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace finpost {

std::string for_how_long(std::chrono::steady_clock::duration age) {
    struct unit {
        std::int64_t seconds;
        const char* name;
    };
    constexpr std::array units{unit{86'400, " d"}, unit{3'600, " h"}, unit{60, " m"},
                               unit{1, " s"}};
    std::int64_t rest =
        std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(age).count());
    std::size_t largest = 0;
    while (largest + 1 < units.size() && rest < units[largest].seconds) ++largest;
    std::string text;
    for (std::size_t i = largest; i < std::min(largest + 2, units.size()); ++i) {
        const std::int64_t count = rest / units[i].seconds;
        rest %= units[i].seconds;
        if (!text.empty()) text += ' ';
        text += std::to_string(count) + units[i].name;
    }
    return text;
}

std::string no_usable_endpoint(const std::vector<http_upstream::endpoint_status>& endpoints,
                               std::chrono::steady_clock::time_point now) {
    std::string all;
    for (const auto& endpoint : endpoints) {
        if (endpoint.usable) return {};
        if (!all.empty()) all += "; ";
        all += endpoint.endpoint + ": " +
               (endpoint.cause.empty() ? "not reached yet" : endpoint.cause);
        all += ", for " + for_how_long(now - endpoint.since);
    }
    return all;
}

} // namespace finpost
