#pragma once

#include "finpost/export.hpp"

#include <string>
#include <string_view>

namespace finpost::detail {

/// What a person wrote, in quotes and fit for one line of a message: shortened, nothing
/// unprintable.
FINPOST_EXPORT std::string quoted(std::string_view text);

/// A message that may hold what a person or a library wrote, fit for one line: what is not
/// printable ASCII is escaped, nothing is shortened.
FINPOST_EXPORT std::string printable(std::string_view text);

} // namespace finpost::detail
