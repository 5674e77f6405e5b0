#pragma once

namespace finpost::detail {

/// The lowercase form of an ASCII letter; any other character as it is, in any locale.
constexpr char ascii_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

} // namespace finpost::detail
