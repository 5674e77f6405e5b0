#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace finpost::detail {

/// How long a service wants to be left alone, by its Retry-After (RFC 9110 §10.2.3): seconds, or a
/// date in the preferred form (§5.6.7). A date that has passed is no time at all. Nothing when it
/// is neither.
std::optional<std::chrono::milliseconds>
parse_retry_after(std::string_view text, std::chrono::system_clock::time_point now);

} // namespace finpost::detail
