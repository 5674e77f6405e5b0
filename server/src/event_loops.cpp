#include "finpost/event_loops.hpp"

#include <stdexcept>

namespace finpost {

event_loops event_loops::shared(boost::asio::any_io_executor executor) {
    std::vector<boost::asio::any_io_executor> one;
    one.push_back(std::move(executor));
    return {std::move(one), false};
}

event_loops event_loops::per_thread(std::vector<boost::asio::any_io_executor> executors) {
    if (executors.empty()) throw std::invalid_argument("at least one executor is needed");
    return {std::move(executors), true};
}

} // namespace finpost
