#pragma once

#include <cstddef>

namespace finpost {

/// How much of one exchange is moved at once, from memory, to memory or by a file, before others of its thread
/// have their turn: some 0.2 ms. Smaller turns cost large payloads speed, larger ones small exchanges time.
constexpr std::size_t turn_size = 512 << 10;

} // namespace finpost
