#include "suggestion.hpp"

#include "ascii.hpp"
#include "quoted.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace finpost::detail {

namespace {

// Levenshtein's distance: how many letters must be changed, added or left out.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed =
                diagonal + (ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row.back();
}

} // namespace

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
    constexpr std::size_t longest = 64; // nobody mistypes a word that long
    if (word.empty() || word.size() > longest) return {};
    const auto near = std::min_element(known.begin(), known.end(), [&](auto& a, auto& b) {
        return distance(word, a) < distance(word, b);
    });
    if (near == known.end() || distance(word, *near) > std::max<std::size_t>(1, word.size() / 3))
        return {};
    return ": did you mean " + *near + '?';
}

parse_error unknown_word(std::string_view word, std::span<const std::string_view> known) {
    std::string expected;
    for (std::size_t i = 0; i < known.size(); ++i) {
        if (i > 0) expected += i + 1 == known.size() ? " or " : ", ";
        expected += known[i];
    }
    return {in_quotes(word) + ": expected " + expected +
            suggestion(word, std::vector<std::string>(known.begin(), known.end()))};
}

} // namespace finpost::detail
