#pragma once

#include <optional>

namespace finpost::detail {

/// The lowercase form of an ASCII letter; any other character as it is, in any locale.
constexpr char ascii_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr bool is_digit(unsigned char c) noexcept { return c >= '0' && c <= '9'; }

/// What a hexadecimal digit of either case stands for.
constexpr std::optional<unsigned> hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    return std::nullopt;
}

} // namespace finpost::detail
