#pragma once

#include <cstddef>
#include <string_view>

namespace finpost::detail {

/// What the line of a refusal begins with, and more bytes than any has.
inline constexpr std::string_view refusal_prefix = "finpost: ";
inline constexpr std::size_t longest_refusal = 128;

} // namespace finpost::detail
