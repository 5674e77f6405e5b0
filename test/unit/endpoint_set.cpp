#include "upstream/endpoint_set.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;

namespace {
const finpost::endpoint_set::clock::time_point now{std::chrono::hours(1)};
}

BOOST_AUTO_TEST_SUITE(endpoint_set)

BOOST_AUTO_TEST_CASE(endpoints_take_turns) {
    finpost::endpoint_set set(3);
    BOOST_TEST(set.order(now) == (order{0, 1, 2}), boost::test_tools::per_element());
    BOOST_TEST(set.order(now) == (order{1, 2, 0}), boost::test_tools::per_element());
    BOOST_TEST(set.order(now) == (order{2, 0, 1}), boost::test_tools::per_element());
    BOOST_TEST(set.order(now) == (order{0, 1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_that_failed_comes_last_until_its_pause_is_over) {
    finpost::endpoint_set set(2);
    set.failed(0, now, 0); // 50 ms for certain, 0 of 50 by chance
    BOOST_TEST(!set.up(0, now + 49ms));
    BOOST_TEST(set.order(now + 49ms) == (order{1, 0}), boost::test_tools::per_element());
    BOOST_TEST(set.up(0, now + 50ms));
}

BOOST_AUTO_TEST_CASE(the_pause_doubles_to_a_limit_and_is_spread_by_chance) {
    finpost::endpoint_set set(1);
    set.failed(0, now, 50); // all of the half that chance gives
    BOOST_TEST(!set.up(0, now + 99ms));
    BOOST_TEST(set.up(0, now + 100ms));
    set.failed(0, now, 0);
    BOOST_TEST(!set.up(0, now + 99ms));
    BOOST_TEST(set.up(0, now + 100ms));
    for (int i = 0; i < 100; ++i) set.failed(0, now, 0);
    BOOST_TEST(!set.up(0, now + 4999ms));
    BOOST_TEST(set.up(0, now + 5s));
}

BOOST_AUTO_TEST_CASE(when_all_are_down_they_are_asked_all_the_same) {
    finpost::endpoint_set set(2);
    set.failed(0, now, 0);
    set.failed(1, now, 0);
    BOOST_TEST(set.order(now).size() == 2u);
}

BOOST_AUTO_TEST_CASE(success_clears_the_record) {
    finpost::endpoint_set set(1);
    for (int i = 0; i < 5; ++i) set.failed(0, now, 0);
    set.succeeded(0);
    BOOST_TEST(set.up(0, now));
    set.failed(0, now, 0);
    BOOST_TEST(set.up(0, now + 50ms));
}

BOOST_AUTO_TEST_SUITE_END()
