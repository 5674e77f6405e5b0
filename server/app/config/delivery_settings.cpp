#include "config/delivery_settings.hpp"

#include "config_checker.hpp"

namespace finpost {

std::vector<config_problem> validate(const queue_settings& settings) {
    detail::config_checker check;
    check.require(settings.max_bytes > 0 && settings.max_bytes <= detail::largest_size, "queue_max",
                  "must be above zero and at most 64 TiB");
    check.positive(settings.timeout, "queue_timeout");
    return check.take_problems();
}

} // namespace finpost
