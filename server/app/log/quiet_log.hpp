#pragma once

#include "finpost/logger.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>

namespace finpost {

/// A door to the log in which nothing can be said without an end: of each event at each level the
/// first ten records in a second are passed on, the rest are counted, and when the second is over
/// one record of that event says how many were left out (`repeated`). What is exempt,
/// `repeat_limit` says.
class quiet_log {
public:
    /// Passes records to `to`. Counts are reported on `executor`, whose context outlives this
    /// object.
    quiet_log(logger to, boost::asio::any_io_executor executor, std::uint64_t most = 10);

    /// Nothing waits on the executor's behalf from now on; copies of the door stay usable.
    ~quiet_log();

    quiet_log(const quiet_log&) = delete;
    quiet_log& operator=(const quiet_log&) = delete;

    logger door() const;

    /// Reports at once what was left out so far.
    void flush();

private:
    class state;
    const std::shared_ptr<state> state_;
};

} // namespace finpost
