#pragma once

#include "finpost/logger.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::test {

/// Keeps what a library logs, so that a test can wait for a record and look at its fields. Thread
/// safe. It outlives every logger it has given out.
class log_recorder {
public:
    using milliseconds = std::chrono::milliseconds;

    struct record {
        log_level level;
        std::string event;
        std::map<std::string, std::string> fields; ///< numbers and booleans as text

        /// The field's text; throws std::out_of_range naming it when there is none.
        const std::string& at(const std::string& name) const;
        /// The field as a number; throws std::invalid_argument when it is none.
        double number(const std::string& name) const;
    };

    /// A logger that writes here whatever is at `threshold` or above.
    logger as_logger(log_level threshold = log_level::debug);

    /// Everything so far with this event, in the order of its coming.
    std::vector<record> of(std::string_view event) const;
    std::size_t count(std::string_view event) const;

    /// Waits until there are `n` records of this event; false when the time is up first.
    bool wait_for(std::string_view event, std::size_t n = 1,
                  milliseconds limit = milliseconds(20'000)) const;

private:
    void add(log_level level, std::string_view event, std::span<const log_field> fields);

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::map<std::string, std::vector<record>, std::less<>> records_;
};

} // namespace finpost::test
