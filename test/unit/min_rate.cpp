#include "policy/min_rate.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>

using namespace finpost;
using namespace finpost::detail;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(min_rate)

BOOST_AUTO_TEST_CASE(slow_is_judged_after_five_seconds_only) {
    BOOST_TEST(!too_slow(0, 4999ms, 100));
    BOOST_TEST(too_slow(499, 5s, 100));
    BOOST_TEST(!too_slow(500, 5s, 100));
    BOOST_TEST(too_slow(999, 10s, 100));
    BOOST_TEST(!too_slow(0, 1h, 0));
}

BOOST_AUTO_TEST_CASE(whoever_has_taken_much_may_pause_for_long) {
    BOOST_TEST((slow_after(0, 100) == 5s));
    BOOST_TEST((slow_after(500, 100) > 5s));
    BOOST_TEST((slow_after(6000, 100) >= 60s));
    BOOST_TEST((slow_after(6000, 100) < 61s));
    BOOST_TEST((slow_after(1, 0) > 24h));
    BOOST_TEST((slow_after(UINT64_MAX, 1) > 24h));
}

// Who sleeps until then wakes to the same answer, whatever the numbers.
BOOST_AUTO_TEST_CASE(before_that_moment_it_is_fast_enough_and_from_then_on_it_is_not) {
    for (const std::uint64_t rate : {1ull, 3ull, 100ull, 65'537ull, 1ull << 30}) {
        for (const std::uint64_t bytes : {0ull, 1ull, 499ull, 12'345'678ull}) {
            const auto when = slow_after(bytes, rate);
            if (when > 24h * 300) continue;
            BOOST_TEST(!too_slow(bytes, when - 1us, rate));
            BOOST_TEST(too_slow(bytes, when + 1us, rate));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
