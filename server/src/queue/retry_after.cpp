#include "queue/retry_after.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace finpost::detail {

namespace {

using std::chrono::seconds;

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::int64_t longest_retry_after = std::int64_t{366} * 86'400;

std::optional<std::int64_t> number(std::string_view digits) noexcept {
    std::int64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const bool starts = !digits.empty() && digits.front() >= '0' && digits.front() <= '9';
    const auto read = std::from_chars(digits.data(), end, value);
    if (!starts || read.ptr != end) return std::nullopt;
    // A number too large is a long time.
    return read.ec == std::errc() ? std::min(value, longest_retry_after) : longest_retry_after;
}

// "Sun, 06 Nov 1994 08:49:37 GMT". The day's name is not compared.
std::optional<std::chrono::sys_seconds> date(std::string_view text) noexcept {
    constexpr std::string_view form = "..., .. ... .... ..:..:.. GMT";
    if (text.size() != form.size()) return std::nullopt;
    for (std::size_t i = 0; i < form.size(); ++i)
        if (form[i] != '.' && form[i] != text[i]) return std::nullopt;
    const auto month = std::find(months.begin(), months.end(), text.substr(8, 3));
    const auto day = number(text.substr(5, 2)), year = number(text.substr(12, 4));
    const auto hour = number(text.substr(17, 2)), minute = number(text.substr(20, 2)),
               second = number(text.substr(23, 2));
    if (month == months.end() || !day || !year || !hour || !minute || !second) return std::nullopt;
    const std::chrono::year_month_day when(
        std::chrono::year(static_cast<int>(*year)),
        std::chrono::month(static_cast<unsigned>(month - months.begin()) + 1),
        std::chrono::day(static_cast<unsigned>(*day)));
    if (!when.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return std::chrono::sys_days(when) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
           seconds(*second);
}

} // namespace

std::optional<std::chrono::milliseconds>
parse_retry_after(std::string_view text, std::chrono::system_clock::time_point now) {
    if (const auto delay = number(text)) return seconds(*delay);
    const auto when = date(text);
    if (!when) return std::nullopt;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*when - now);
    return std::clamp(wait, std::chrono::milliseconds(0),
                      std::chrono::milliseconds(seconds(longest_retry_after)));
}

} // namespace finpost::detail
