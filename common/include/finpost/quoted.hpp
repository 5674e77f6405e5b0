#pragma once

#include "finpost/export.hpp"

#include <string>
#include <string_view>

namespace finpost {

/// What a person wrote, in quotes and fit for one line of a message: shortened, nothing unprintable.
FINPOST_EXPORT std::string quoted(std::string_view text);

} // namespace finpost
