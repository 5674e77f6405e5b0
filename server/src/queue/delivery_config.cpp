#include "config_checker.hpp"

#include "finpost/delivery_queue.hpp"

namespace finpost {

using namespace detail;

std::vector<config_problem> validate(const delivery_config& config) {
    config_checker check;
    check.positive(config.retry_first, "retry_first");
    check.positive(config.retry_most, "retry_most");
    check.require(config.retry_most >= config.retry_first, "retry_most",
                  "must be at least retry_first");
    check.positive(config.retry_for, "retry_for");
    check.require(config.deliveries > 0, "deliveries", "must be at least 1");
    check.positive(config.receipt_timeout, "receipt_timeout");
    return check.take_problems();
}

} // namespace finpost
