#pragma once

#include <algorithm>
#include <chrono>

namespace finpost {

/// The limits of one stage, as arithmetic on time points: no clock and no timer inside.
///
/// A stage has a total limit, from its start, and an idle limit, from its last progress; the nearer
/// of the two is when it is due. A limit of zero or less means "none". One beyond the clock's range
/// never passes. A value; not thread safe.
class deadline {
public:
    using time_point = std::chrono::steady_clock::time_point;
    using span = std::chrono::steady_clock::duration;

    /// Never due.
    constexpr deadline() noexcept = default;

    /// A stage that starts at `now`.
    constexpr deadline(time_point now, span idle, span total) noexcept
        : idle_(idle), total_at_(total > span::zero() ? after(now, total) : time_point::max()),
          idle_at_(idle > span::zero() ? after(now, idle) : time_point::max()) {}

    /// Something moved at `now`: the idle limit starts again, the total limit does not.
    constexpr void progress(time_point now) noexcept {
        if (idle_ > span::zero()) idle_at_ = after(now, idle_);
    }

    /// The nearer limit; `time_point::max()` when there is none.
    constexpr time_point when() const noexcept { return std::min(idle_at_, total_at_); }

    /// Whether the nearer limit is at `now` or before.
    constexpr bool due(time_point now) const noexcept { return when() <= now; }

private:
    static constexpr time_point after(time_point now, span d) noexcept {
        return d >= time_point::max() - now ? time_point::max() : now + d;
    }

    span idle_{};
    time_point total_at_ = time_point::max();
    time_point idle_at_ = time_point::max();
};

} // namespace finpost
