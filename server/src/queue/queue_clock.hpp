#pragma once

#include <chrono>
#include <cstdint>

namespace finpost::detail {

/// The time that a queue's rows are stamped with.
///
/// It is the wall clock's when it begins, and goes on by a clock that nobody can set, also while
/// the machine sleeps (CLOCK_BOOTTIME). A wall clock that is set makes nothing due and nothing old
/// while the process runs. Across a restart only the wall clock is left: `longest_wait` in
/// `sqlite_queue_options` and the attempts in `delivery_schedule` bound what it can do.
/// Thread safe.
class queue_clock {
public:
    using time_point = std::chrono::sys_time<std::chrono::milliseconds>;
    using milliseconds = std::chrono::milliseconds;

    /// `wall` and `steady` are of the same moment.
    constexpr queue_clock(time_point wall, milliseconds steady) noexcept : offset_(wall - steady) {}

    constexpr time_point at(milliseconds steady) const noexcept { return offset_ + steady; }

    /// Of this machine.
    static queue_clock start() noexcept;
    time_point now() const noexcept;

private:
    time_point offset_;
};

} // namespace finpost::detail
