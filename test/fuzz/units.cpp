// Sizes, times, and the value of any setting as people write them.

#include "finpost/units.hpp"

#include "config/option_table.hpp"
#include "fuzz.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;

namespace {

__extension__ using wide = unsigned __int128;

void must_be_told(std::string_view message) {
    must(is_printable(message) && !message.empty(),
         "what is wrong is told in one line of plain text");
}

// A number with a unit, in arithmetic that does not overflow.
std::optional<wide> reference(std::string_view text,
                              const std::vector<std::pair<std::string_view, wide>>& units) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return std::nullopt;
    constexpr wide far = std::numeric_limits<std::uint64_t>::max();
    wide value = 0;
    for (const char c : text.substr(0, digits))
        value = std::min<wide>(value * 10 + static_cast<unsigned>(c - '0'), far + 1);
    for (const auto& [name, factor] : units)
        if (text.substr(digits) == name) return value * factor;
    return std::nullopt;
}

void check_size(std::string_view text) {
    const auto expected =
        reference(text, {{"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}});
    const bool fits = expected && *expected <= std::numeric_limits<std::uint64_t>::max();
    const auto read = parse_size(text);
    must(read.has_value() == fits, "a size is taken when it is one");
    if (!read) return must_be_told(read.error().message);
    must(*read == *expected, "a size is what it says");
    const std::string written = format_size(*read);
    const auto again = parse_size(written);
    must(again && *again == *read && format_size(*again) == written,
         "a size that is written is read again");
    if (text.size() > 1 && text[0] == '0') return;
    must(written.size() <= text.size(), "and is written as short as can be");
}

void check_duration(std::string_view text) {
    const auto expected =
        reference(text, {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}});
    const bool fits = expected && *expected <= wide{365} * 24 * 3'600'000;
    const auto read = parse_duration(text);
    must(read.has_value() == fits, "a time is taken when it is one");
    if (!read) return must_be_told(read.error().message);
    must(static_cast<wide>(read->count()) == *expected, "a time is what it says");
    const std::string written = format_duration(*read);
    const auto again = parse_duration(written);
    must(again && *again == *read && format_duration(*again) == written,
         "a time that is written is read again");
}

void check_numbers(std::uint64_t n) {
    const auto size = parse_size(format_size(n));
    must(size && *size == n, "every size can be written");
    const duration time(static_cast<duration::rep>(n % (365ull * 24 * 3'600'000 + 1)));
    const auto read = parse_duration(format_duration(time));
    must(read && *read == time, "every time can be written");
    must(!format_duration(duration(static_cast<duration::rep>(n))).empty(), "a wrong one as well");
}

// Any setting with any value, and what is shown of it.
void check_setting(std::string_view text, unsigned which) {
    const auto table = option_table();
    const option_row& row = table[which % table.size()];
    daemon_config config;
    const std::string problem = row.field.set(config, text);
    must(is_printable(problem), "what is wrong with a value is told in one line of plain text");
    if (!problem.empty()) return;
    daemon_config again;
    must(row.field.set(again, text).empty(), "what is taken once is taken again");
}

void check_words(std::string_view text) {
    must(is_printable(printable(text)), "what is printable can be printed");
    if (is_printable(text)) must(printable(text) == text, "and stays as it is");
    const std::string shown = in_quotes(text);
    must(is_printable(shown) && shown.size() <= 4 * 60 + 5, "what is quoted is short");
    static const std::vector<std::string> known{"true", "false",     "on",
                                                "off",  "listeners", "upstreams"};
    const std::string hint = suggestion(text, known);
    must(is_printable(hint), "a suggestion is one of ours");
    for (const std::string& word : known)
        if (text == word)
            must(hint == ": did you mean " + word + '?', "the nearest word is the word itself");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned which = from.byte();
    const std::uint64_t number = (which & 128) != 0 ? from.number() : 0;
    const std::string_view text = from.text();
    check_size(text);
    check_duration(text);
    check_numbers(number);
    check_setting(text, which & 127);
    check_words(text);
    return 0;
}
