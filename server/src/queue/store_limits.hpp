#pragma once

#include <cstddef>

namespace finpost::detail {

// What an operation of a store takes or gives at the most, wherever it keeps payloads.
inline constexpr std::size_t most_claimed = 1'000;
inline constexpr std::size_t most_ids = 1'000; ///< of a filter; more are left out
inline constexpr std::size_t most_rows = 10'000;
inline constexpr std::size_t longest_error = 1024; ///< of an attempt; the rest is cut off

} // namespace finpost::detail
