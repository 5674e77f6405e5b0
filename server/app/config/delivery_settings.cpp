#include "config/delivery_settings.hpp"

#include "config_checker.hpp"

#include <string_view>

namespace finpost {

std::vector<config_problem> validate(const queue_settings& settings) {
    detail::config_checker check;
    check.require(settings.max_bytes > 0 && settings.max_bytes <= detail::largest_size, "queue_max",
                  "must be above zero and at most 64 TiB");
    check.positive(settings.timeout, "queue_timeout");
    constexpr std::size_t longest = 107 - std::string_view("/control.sock").size();
    check.require(settings.directory.size() <= longest, "queue_dir",
                  "must have 94 bytes at the most: the path of its control socket has 107");
    return check.take_problems();
}

} // namespace finpost
