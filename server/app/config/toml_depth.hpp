#pragma once

#include <cstddef>
#include <string_view>

namespace finpost {

/// How many parts a key of a file may have, and how many brackets may stand in each other. A
/// configuration needs four.
constexpr std::size_t most_depth = 16;

/// The line of a file in TOML on which something is deeper; 0 when nothing is. toml++ goes down one
/// call for each part of a key, when it reads and when it lets go, and has no limit: a deep one
/// ends the process. So the depth is judged before.
std::size_t too_deep_line(std::string_view text);

} // namespace finpost
