#include "policy/min_rate.hpp"

#include <algorithm>

using namespace std::chrono_literals;

namespace finpost::detail {

namespace {

constexpr std::chrono::nanoseconds unjudged = 5s;
constexpr std::chrono::nanoseconds longest_span = std::chrono::hours(24 * 365);

} // namespace

bool too_slow(std::uint64_t bytes, std::chrono::nanoseconds elapsed, std::uint64_t rate) noexcept {
    if (rate == 0 || elapsed < unjudged) return false;
    const double seconds = std::chrono::duration<double>(elapsed).count();
    return static_cast<double>(bytes) < static_cast<double>(rate) * seconds;
}

std::chrono::nanoseconds slow_after(std::uint64_t bytes, std::uint64_t rate) noexcept {
    if (rate == 0) return longest_span;
    const double seconds = static_cast<double>(bytes) / static_cast<double>(rate);
    if (seconds > std::chrono::duration<double>(longest_span).count()) return longest_span;
    const auto last = std::chrono::duration<double>(seconds);
    // A nanosecond more: exactly the rate is not too slow.
    return std::max(unjudged, std::chrono::duration_cast<std::chrono::nanoseconds>(last) + 1ns);
}

} // namespace finpost::detail
