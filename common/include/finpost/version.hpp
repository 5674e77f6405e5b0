#pragma once

#include "finpost/export.hpp"

#include <string_view>

// The one place where the version stands: CMake reads it here.

/// The version of these headers, as text: "1.0.0".
#define FINPOST_VERSION "1.0.0"
/// The same for `#if`: 10000 for 1.0.0, 10203 for 1.2.3.
#define FINPOST_VERSION_NUMBER 10000

namespace finpost {

/// The version of the library that is linked. It is not `FINPOST_VERSION` when a program was
/// compiled with the headers of another one.
FINPOST_EXPORT std::string_view version() noexcept;

} // namespace finpost
