#pragma once

#include <cstddef>
#include <string_view>

namespace finpost::detail {

/// What the line of a refusal begins with, and more bytes than any has.
inline constexpr std::string_view refusal_prefix = "finpost: ";
inline constexpr std::size_t longest_refusal = 128;

/// RFC 9562 §4: groups of 8, 4, 4, 4 and 12 hexadecimal digits, as the gateway writes them.
constexpr bool is_request_id(std::string_view text) noexcept {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (dash ? text[i] != '-' : !digit) return false;
    }
    return true;
}

} // namespace finpost::detail
