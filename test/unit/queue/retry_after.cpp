#include "queue/retry_after.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using finpost::detail::parse_retry_after;
using namespace std::chrono_literals;

namespace {

// Sunday, 6 November 1994, 08:49:37 UTC: the date of RFC 9110 §5.6.7.
const auto then = std::chrono::system_clock::time_point(784'111'777s);

std::string wait(std::string_view text, std::chrono::seconds before = 0s) {
    const auto parsed = parse_retry_after(text, then - before);
    return parsed ? std::to_string(parsed->count()) + "ms" : "none";
}

} // namespace

BOOST_AUTO_TEST_SUITE(retry_after)

BOOST_AUTO_TEST_CASE(seconds_are_a_delay) {
    BOOST_TEST(wait("0") == "0ms");
    BOOST_TEST(wait("120") == "120000ms");
    BOOST_TEST(wait("99999999999999999999999") == wait("31622400")); // bounded by a year
    BOOST_TEST(wait("31622400") == "31622400000ms");
}

BOOST_AUTO_TEST_CASE(a_date_is_the_time_until_then) {
    BOOST_TEST(wait("Sun, 06 Nov 1994 08:49:37 GMT", 90s) == "90000ms");
    BOOST_TEST(wait("Sun, 06 Nov 1994 08:49:37 GMT") == "0ms");
    BOOST_TEST(wait("Sun, 06 Nov 1994 08:49:37 GMT", -5s) == "0ms"); // it has passed
    BOOST_TEST(wait("Fri, 06 Nov 2037 08:49:37 GMT") == "31622400000ms");
}

BOOST_AUTO_TEST_CASE(anything_else_is_nothing) {
    for (const std::string_view text :
         {"", "-1", "+1", "1.5", "1 s", " 1", "soon", "Sun, 06 Nov 1994 08:49:37",
          "Sunday, 06-Nov-94", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
          "Sun, xx Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC"})
        BOOST_TEST(wait(text) == "none", text);
}

BOOST_AUTO_TEST_SUITE_END()
