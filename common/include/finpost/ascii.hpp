#pragma once

namespace finpost {

/// The small one of an ASCII letter, and any other character as it is, whatever the locale.
constexpr char ascii_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

} // namespace finpost
