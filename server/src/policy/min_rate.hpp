#pragma once

#include <chrono>
#include <cstdint>

namespace finpost::detail {

/// Whether `bytes` in `elapsed` are slower than `rate` bytes a second, once the 5 s have passed in
/// which nobody is judged. A rate of 0 tolerates everything.
bool too_slow(std::uint64_t bytes, std::chrono::nanoseconds elapsed, std::uint64_t rate) noexcept;

/// From when on `bytes` are too slow, should there be no more of them; at most a year, which is
/// what a rate of 0 gives.
std::chrono::nanoseconds slow_after(std::uint64_t bytes, std::uint64_t rate) noexcept;

/// Who is just fast enough is not looked at without a pause.
inline constexpr std::chrono::milliseconds shortest_look{100};

} // namespace finpost::detail
