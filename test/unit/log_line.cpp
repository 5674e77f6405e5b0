#include "log/log_line.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <limits>
#include <string>

using namespace finpost;
using namespace std::string_view_literals;

namespace {

// 2026-11-24 08:00:00.123 UTC
const std::chrono::system_clock::time_point at{std::chrono::milliseconds(1'795'507'200'123)};

std::string text_line(std::chrono::system_clock::time_point when, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    std::string line;
    append_text_line(line, when, level, event, fields);
    return line;
}

std::string json_line(std::chrono::system_clock::time_point when, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    std::string line;
    append_json_line(line, when, level, event, fields);
    return line;
}

std::string text(std::string_view value) {
    const std::array<log_field, 1> fields{{{"v", value}}};
    std::string line = text_line(at, log_level::info, "e", fields);
    return line.substr(line.find("v=") + 2, line.size() - line.find("v=") - 3);
}

std::string json(std::string_view value) {
    const std::array<log_field, 1> fields{{{"v", value}}};
    std::string line = json_line(at, log_level::info, "e", fields);
    return line.substr(line.find("\"v\":") + 4, line.size() - line.find("\"v\":") - 6);
}

} // namespace

BOOST_AUTO_TEST_SUITE(log_line)

BOOST_AUTO_TEST_CASE(a_line_holds_time_level_event_and_fields) {
    const std::array<log_field, 5> fields{{{"peer", "127.0.0.1:4"},
                                           {"n", std::int64_t{-5}},
                                           {"ms", 1.5},
                                           {"gone", false},
                                           {"odd", std::numeric_limits<double>::infinity()}}};
    BOOST_TEST(text_line(at, log_level::warning, "exchange", fields) ==
               "2026-11-24T08:00:00.123Z warning exchange peer=127.0.0.1:4 n=-5 ms=1.500 "
               "gone=false odd=null\n");
    BOOST_TEST(json_line(at, log_level::warning, "exchange", fields) ==
               "{\"time\":\"2026-11-24T08:00:00.123Z\",\"level\":\"warning\",\"event\":"
               "\"exchange\",\"peer\":\"127.0.0.1:4\",\"n\":-5,\"ms\":1.500,\"gone\":false,\"odd\":"
               "null}\n");
}

BOOST_AUTO_TEST_CASE(every_part_of_the_time_is_padded) {
    using namespace std::chrono;
    const system_clock::time_point early =
        sys_days(year(2024) / 2 / 29) + hours(3) + minutes(4) + seconds(5) + milliseconds(6);
    BOOST_TEST(text_line(early, log_level::info, "e", {}) == "2024-02-29T03:04:05.006Z info e\n");
}

BOOST_AUTO_TEST_CASE(a_real_number_has_three_digits_after_the_point_whatever_its_size) {
    const auto number = [](double value) {
        const std::array<log_field, 1> fields{{{"v", value}}};
        const std::string line = text_line(at, log_level::info, "e", fields);
        return line.substr(line.find("v=") + 2, line.size() - line.find("v=") - 3);
    };
    BOOST_TEST(number(0) == "0.000");
    BOOST_TEST(number(0.0006) == "0.001");
    BOOST_TEST(number(12.0456) == "12.046");
    BOOST_TEST(number(-0.25) == "-0.250");
    BOOST_TEST(number(999'999'999'999.5) == "999999999999.500");
    BOOST_TEST(number(1e15) == "1000000000000000.000");
    BOOST_TEST(number(-1e15) == "-1000000000000000.000");
}

BOOST_AUTO_TEST_CASE(a_text_value_is_quoted_where_it_would_be_ambiguous) {
    BOOST_TEST(text("plain:1/x") == "plain:1/x");
    BOOST_TEST(text("") == R"("")");
    BOOST_TEST(text("two words") == R"("two words")");
    BOOST_TEST(text("a=b") == R"("a=b")");
    BOOST_TEST(text(R"(say "x\y")") == R"("say \"x\\y\"")");
}

BOOST_AUTO_TEST_CASE(no_peer_can_forge_a_line_or_talk_to_a_terminal) {
    BOOST_TEST(text("a\nb\r\t") == R"("a\nb\r\t")");
    BOOST_TEST(text("\x1b[2J\0\x7f"sv) == R"("\x1b[2J\x00\x7f")");
    BOOST_TEST(text("\xc2\x9b") == R"("\xc2\x9b")");
    BOOST_TEST(text_line(at, log_level::info, "e\nf", {}) ==
               "2026-11-24T08:00:00.123Z info e\\nf\n");
}

BOOST_AUTO_TEST_CASE(a_json_line_is_always_valid_json) {
    BOOST_TEST(json(R"(say "x\y")") == R"("say \"x\\y\"")");
    BOOST_TEST(json("a\nb\0\x7f"sv) == R"("a\u000ab\u0000\u007f")");
    BOOST_TEST(json("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80") ==
               "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"");
    BOOST_TEST(json("\xc2\x9b") == R"("\u009b")"); // a C1 control, which terminals obey
    BOOST_TEST(json("\xff\xc3(") == R"("\\xff\\xc3(")");
    BOOST_TEST(json("\xc0\xaf") == R"("\\xc0\\xaf")");                   // overlong
    BOOST_TEST(json("\xed\xa0\x80") == R"("\\xed\\xa0\\x80")");          // a surrogate
    BOOST_TEST(json("\xf4\x90\x80\x80") == R"("\\xf4\\x90\\x80\\x80")"); // above U+10FFFF
    BOOST_TEST(json("\xe2\x82") == R"("\\xe2\\x82")");                   // cut short
}

// A line's length is bounded beforehand; a bound too small would be a write behind the end.
BOOST_AUTO_TEST_CASE(a_line_has_room_for_the_longest_form_of_everything) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string value(1000, static_cast<char>(byte));
        const std::array<log_field, 2> fields{{{"v", std::string_view(value)}, {"after", true}}};
        const std::string line = text_line(at, log_level::warning, value, fields);
        BOOST_TEST(line.ends_with(" after=true\n"));
        BOOST_TEST(line.capacity() >= line.size());
        BOOST_TEST(
            json_line(at, log_level::warning, value, fields).ends_with(",\"after\":true}\n"));
    }
    BOOST_TEST(json(std::string(1000, '\x01')).size() == 6002u);
    BOOST_TEST(text(std::string(1000, '\x01')).size() == 4002u);
    constexpr double huge = std::numeric_limits<double>::lowest();
    const std::array<log_field, 3> numbers{
        {{"a", std::numeric_limits<std::int64_t>::min()}, {"b", huge}, {"c", huge}}};
    const std::string line = text_line(at, log_level::info, "", numbers);
    BOOST_TEST(line.find(" a=-9223372036854775808 b=-1797693134862315") != line.npos);
    BOOST_TEST(line.ends_with("368.000\n"));
}

BOOST_AUTO_TEST_SUITE_END()
