#include "finpost/units.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

template <class T>
std::string fault(const parsed<T>& read) {
    return read ? "none" : read.error().message;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(units)

BOOST_AUTO_TEST_CASE(sizes_are_read) {
    BOOST_TEST(parse_size("0").value() == 0u);
    BOOST_TEST(parse_size("1000").value() == 1000u);
    BOOST_TEST(parse_size("007").value() == 7u);
    BOOST_TEST(parse_size("4KiB").value() == 4096u);
    BOOST_TEST(parse_size("16MiB").value() == 16u << 20);
    BOOST_TEST(parse_size("1GiB").value() == 1u << 30);
    BOOST_TEST(parse_size("0GiB").value() == 0u);
}

BOOST_AUTO_TEST_CASE(the_largest_size_is_taken_and_the_next_is_not) {
    BOOST_TEST(parse_size("18446744073709551615").value() == largest);
    BOOST_TEST(parse_size("17179869183GiB").value() == 17179869183u * (std::uint64_t{1} << 30));
    for (const std::string_view text :
         {"18446744073709551616", "17179869184GiB", "99999999999999999999999KiB"}) {
        const std::string message = fault(parse_size(text));
        BOOST_TEST(contains(message, "above the largest size"), message);
        BOOST_TEST(contains(message, text), message);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_size_is_quoted_and_an_example_given) {
    for (const std::string_view text :
         {"", "MiB", "-1", "+1", "1.5MiB", "1 MiB", " 1", "1 ", "1mib", "1MB", "1K", "1M", "0x10",
          "1MiB\n", "1KiBKiB", "1e3", "1,000", "many", "99999999999999999999999x"}) {
        const std::string message = fault(parse_size(text));
        BOOST_TEST(contains(message, "is not a size"), message);
        BOOST_TEST(contains(message, "16MiB"), message);
    }
    BOOST_TEST(contains(fault(parse_size("1MB")), "\"1MB\""));
    // A message stays one printable line whatever was written.
    BOOST_TEST(contains(fault(parse_size("1\n\x1b[31m")), "\"1\\x0a\\x1b[31m\""));
    BOOST_TEST(fault(parse_size(std::string(10'000, 'x'))).size() < 200u);
}

BOOST_AUTO_TEST_CASE(durations_are_read) {
    BOOST_TEST((parse_duration("0s").value() == 0s));
    BOOST_TEST((parse_duration("250ms").value() == 250ms));
    BOOST_TEST((parse_duration("10s").value() == 10s));
    BOOST_TEST((parse_duration("5m").value() == 5min));
    BOOST_TEST((parse_duration("2h").value() == 2h));
    BOOST_TEST((parse_duration("8760h").value() == 24h * 365));
    BOOST_TEST((parse_duration("31536000000ms").value() == 24h * 365));
}

BOOST_AUTO_TEST_CASE(a_bare_number_is_no_duration) {
    for (const std::string_view text : {"0", "10", "99999999999999999999999"}) {
        const std::string message = fault(parse_duration(text));
        BOOST_TEST(contains(message, "has no unit"), message);
        BOOST_TEST(contains(message, text), message);
    }
}

BOOST_AUTO_TEST_CASE(nothing_lasts_longer_than_a_year) {
    for (const std::string_view text : {"31536000001ms", "8761h", "18446744073709551615ms",
                                        "5124095576031h", "99999999999999999999999s"}) {
        const std::string message = fault(parse_duration(text));
        BOOST_TEST(contains(message, "above the longest time"), message);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_duration_is_quoted_and_an_example_given) {
    for (const std::string_view text : {"", "s", "-3s", "+3s", "1.5s", "1 s", " 1s", "1s ", "1S",
                                        "1sec", "1d", "1us", "1h30m", "1ms\n", "soon"}) {
        const std::string message = fault(parse_duration(text));
        BOOST_TEST(contains(message, "is not a duration"), message);
        BOOST_TEST(contains(message, "10s"), message);
    }
}

BOOST_AUTO_TEST_CASE(what_is_written_is_the_shortest) {
    BOOST_TEST(format_size(0) == "0");
    BOOST_TEST(format_size(1000) == "1000");
    BOOST_TEST(format_size(1025) == "1025");
    BOOST_TEST(format_size(1536) == "1536");
    BOOST_TEST(format_size(3 << 10) == "3KiB");
    BOOST_TEST(format_size(16 << 20) == "16MiB");
    BOOST_TEST(format_size(std::uint64_t{2} << 40) == "2048GiB");
    BOOST_TEST(format_duration(0ms) == "0s");
    BOOST_TEST(format_duration(1500ms) == "1500ms");
    BOOST_TEST(format_duration(10s) == "10s");
    BOOST_TEST(format_duration(90s) == "90s");
    BOOST_TEST(format_duration(120s) == "2m");
    BOOST_TEST(format_duration(48h) == "48h");
    BOOST_TEST(format_duration(-5ms) == "-5ms");
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
    std::mt19937_64 generator(1);
    for (int i = 0; i < 2000; ++i) {
        // Zeros at the end make the units come up.
        const std::uint64_t size = generator() >> (generator() % 64) << (generator() % 40);
        BOOST_TEST(parse_size(format_size(size)).value() == size);
        const duration time((generator() % 31'536'000) * (i % 2 == 0 ? 1 : 1000));
        BOOST_TEST((parse_duration(format_duration(time)).value() == time));
    }
    BOOST_TEST(parse_size(format_size(largest)).value() == largest);
}

BOOST_AUTO_TEST_CASE(a_unit_as_others_write_it_suggests_ours) {
    for (const auto& [text, meant] :
         std::vector<std::pair<std::string_view, std::string_view>>{{"16MB", "16MiB"},
                                                                    {"16M", "16MiB"},
                                                                    {"4k", "4KiB"},
                                                                    {"1 GiB", "1GiB"},
                                                                    {"2gib", "2GiB"}})
        BOOST_TEST(contains(fault(parse_size(text)), "did you mean " + std::string(meant) + '?'),
                   text);
    for (const auto& [text, meant] :
         std::vector<std::pair<std::string_view, std::string_view>>{{"10sec", "10s"},
                                                                    {"10 s", "10s"},
                                                                    {"250msec", "250ms"},
                                                                    {"5min", "5m"},
                                                                    {"2H", "2h"},
                                                                    {"3millis", "3ms"}})
        BOOST_TEST(
            contains(fault(parse_duration(text)), "did you mean " + std::string(meant) + '?'),
            text);
    for (const std::string_view text : {"", "many", "-1", "1e3", "1.5MiB"})
        BOOST_TEST(!contains(fault(parse_size(text)), "did you mean"), text);
}

BOOST_AUTO_TEST_SUITE_END()
