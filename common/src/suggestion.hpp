#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// For the end of a message about a word that is unknown: ": did you mean base64?" with the one of
/// `known` that is nearest to it, or nothing when none is near. Upper and lower case are as good as
/// the same.
FINPOST_EXPORT std::string suggestion(std::string_view word, const std::vector<std::string>& known);

/// That a word is none of a few: `"bsae64": expected none or base64: did you mean base64?`.
FINPOST_EXPORT parse_error unknown_word(std::string_view word,
                                        std::span<const std::string_view> known);

} // namespace finpost::detail
