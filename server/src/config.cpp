#include "finpost/config.hpp"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace finpost {

namespace {

std::string sum_up(const std::vector<config_problem>& problems) {
    std::string text;
    for (const config_problem& problem : problems) {
        if (!text.empty()) text += "; ";
        text += problem.field + ": " + problem.message;
    }
    return text;
}

} // namespace

std::string default_spill_directory() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): safe as long as the host does not change its variables
    const char* const dir = std::getenv("TMPDIR");
    return dir != nullptr && *dir != '\0' ? dir : "/tmp";
}

config_error::config_error(std::vector<config_problem> problems)
    : std::invalid_argument(sum_up(problems)), problems_(std::move(problems)) {}

} // namespace finpost
