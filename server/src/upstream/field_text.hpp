#pragma once

#include "ascii.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace finpost::detail {

/// Whether both are the same but for the case of ASCII letters.
inline bool equals(std::string_view text, std::string_view lower_case) noexcept {
    return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                      [](char a, char b) { return ascii_lower(a) == b; });
}

/// Without the blanks and tabs around it.
inline std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Calls `use` with each element of a list, which may hold empty ones that mean nothing (RFC 9110
/// §5.6.1).
template <class Use>
void each_element(std::string_view list, Use use) {
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        const std::string_view element = trimmed(list.substr(0, comma));
        if (!element.empty()) use(element);
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
}

} // namespace finpost::detail
