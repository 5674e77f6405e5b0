#pragma once

#include "lint/cpp_source.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace finpost::test {

/// A word that finpost does not use any more, and the field's own word for it.
struct old_word {
    /// An identifier or a part of one ("lane" is in `lane_of` and not in `planes`); with a "_" at
    /// its end that identifier alone; with spaces a phrase, wherever its lines break.
    std::string_view word;
    std::string_view instead;
};

/// The one list.
const std::vector<old_word>& old_words();

/// Reads text of any kind: code, comments, literals, pages.
std::vector<finding> check_words(std::string_view text);

} // namespace finpost::test
