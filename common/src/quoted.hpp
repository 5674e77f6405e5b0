#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace finpost::detail {

/// What a person wrote, in quotes and fit for one line of a message: shortened, nothing
/// unprintable. Not `quoted`: std has one, which would be found for strings.
FINPOST_EXPORT std::string in_quotes(std::string_view text);

/// A message that may hold what a person or a library wrote, fit for one line: what is not
/// printable ASCII is escaped, nothing is shortened.
FINPOST_EXPORT std::string printable(std::string_view text);

/// What is wrong at a byte of what a person wrote, without repeating it: it may be a secret.
FINPOST_EXPORT parse_error fault_at(std::size_t at, std::string_view what);

} // namespace finpost::detail
