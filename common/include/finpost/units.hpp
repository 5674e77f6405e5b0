#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace finpost {

/// Every time of a configuration, in milliseconds.
using duration = std::chrono::milliseconds;

/// Reads a size in bytes: a whole number, or one with the suffix `KiB`, `MiB` or `GiB` ("16MiB").
/// It is 0 to 2^64 - 1. A sign, a fraction or a space is an error.
FINPOST_EXPORT parsed<std::uint64_t> parse_size(std::string_view text);

/// Reads a duration: a whole number with a unit, `ms`, `s`, `m` or `h` ("250ms", "10s"). It is 0 to
/// one year. A bare number is an error that says so.
FINPOST_EXPORT parsed<duration> parse_duration(std::string_view text);

/// The shortest text `parse_size` reads back as the same value: "16MiB", "1000".
FINPOST_EXPORT std::string format_size(std::uint64_t bytes);

/// The shortest text `parse_duration` reads back as the same value: "10s", "1500ms".
FINPOST_EXPORT std::string format_duration(duration value);

} // namespace finpost
