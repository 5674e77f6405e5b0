#include "finpost/units.hpp"

#include "ascii.hpp"
#include "quoted.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <system_error>

namespace finpost {

using namespace detail;

namespace {

struct unit {
    std::string_view suffix;
    std::uint64_t factor;
};

// From the largest down: formatting takes the first that divides the value, which is also the
// shortest text. The unit without which a number is bare stands last.
constexpr std::array<unit, 4> size_units{
    {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"", 1}}};
constexpr std::array<unit, 4> time_units{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

constexpr std::uint64_t one_year = 365ull * 24 * 3'600'000; // in milliseconds

enum class failure { none, form, overflow };

// Digits and nothing but a unit after them; `value` is the number times the unit's factor.
template <std::size_t N>
failure read(std::string_view text, const std::array<unit, N>& units, std::uint64_t& value) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (rest == text.data()) return failure::form;
    const std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
    for (const unit& each : units) {
        if (each.suffix != suffix) continue;
        if (error == std::errc::result_out_of_range) return failure::overflow;
        if (number > std::numeric_limits<std::uint64_t>::max() / each.factor) {
            return failure::overflow;
        }
        value = number * each.factor;
        return failure::none;
    }
    return failure::form;
}

template <std::size_t N>
std::string format(std::uint64_t value, const std::array<unit, N>& units) {
    for (const unit& each : units) {
        if (value % each.factor == 0) {
            return std::to_string(value / each.factor) + std::string(each.suffix);
        }
    }
    return {}; // not reached: the last factor is 1
}

} // namespace

namespace {

// "16MB", "16 mib" and "10 sec" as they were most likely meant; nothing where nobody can know.
template <std::size_t N>
std::string meant(std::string_view text, const std::array<unit, N>& units) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::string_view suffix = text.substr(digits);
    suffix.remove_prefix(std::min(suffix.find_first_not_of(' '), suffix.size()));
    if (digits == 0 || suffix.empty()) return {};
    const bool milliseconds =
        suffix.size() > 1 && (ascii_lower(suffix[1]) == 's' || suffix.starts_with("mil"));
    for (const unit& each : units) {
        if (each.suffix.empty() || ascii_lower(each.suffix.front()) != ascii_lower(suffix.front()))
            continue;
        if (each.suffix == "m" && milliseconds) continue;
        return "; did you mean " + std::string(text.substr(0, digits)) + std::string(each.suffix) +
               '?';
    }
    return {};
}

} // namespace

parsed<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t bytes = 0;
    switch (read(text, size_units, bytes)) {
    case failure::none:
        return bytes;
    case failure::overflow:
        return parse_error{in_quotes(text) + " is above the largest size, 2^64 - 1"};
    case failure::form:
        break;
    }
    return parse_error{in_quotes(text) +
                       " is not a size: expected a whole number of bytes, or one with "
                       "KiB, MiB or GiB such as 16MiB" +
                       meant(text, size_units)};
}

parsed<duration> parse_duration(std::string_view text) {
    std::uint64_t milliseconds = 0;
    switch (read(text, time_units, milliseconds)) {
    case failure::none:
        if (milliseconds <= one_year) return duration(static_cast<duration::rep>(milliseconds));
        [[fallthrough]];
    case failure::overflow:
        return parse_error{in_quotes(text) + " is above the longest time, one year"};
    case failure::form:
        break;
    }
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
        return parse_error{in_quotes(text) +
                           " has no unit: expected ms, s, m or h after the number, "
                           "such as 10s"};
    }
    return parse_error{in_quotes(text) +
                       " is not a duration: expected a whole number with ms, s, m or h, "
                       "such as 250ms or 10s" +
                       meant(text, time_units)};
}

std::string format_size(std::uint64_t bytes) {
    return bytes == 0 ? "0" : format(bytes, size_units);
}

std::string format_duration(duration value) {
    if (value == duration::zero()) return "0s";
    // No text is read back as a negative time; where a bug makes one, the log shows it as it is.
    if (value < duration::zero()) return std::to_string(value.count()) + "ms";
    return format(static_cast<std::uint64_t>(value.count()), time_units);
}

} // namespace finpost
