#include "queue/queue_clock.hpp"

#include <time.h>

namespace finpost::detail {

namespace {

queue_clock::milliseconds read_clock(clockid_t which) noexcept {
    timespec now{};
    ::clock_gettime(which, &now);
    return std::chrono::duration_cast<queue_clock::milliseconds>(
        std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

} // namespace

queue_clock queue_clock::start() noexcept {
    return {time_point(read_clock(CLOCK_REALTIME)), read_clock(CLOCK_BOOTTIME)};
}

queue_clock::time_point queue_clock::now() const noexcept { return at(read_clock(CLOCK_BOOTTIME)); }

} // namespace finpost::detail
