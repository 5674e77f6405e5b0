#include "policy/buffer_budget.hpp"

#include "finpost/metrics.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(buffer_budget)

BOOST_AUTO_TEST_CASE(takes_to_the_limit_and_not_beyond) {
    gauge used;
    finpost::buffer_budget budget(100, used);
    BOOST_TEST(budget.try_take(60));
    BOOST_TEST(!budget.try_take(41));
    BOOST_TEST(used.value() == 60);
    BOOST_TEST(budget.try_take(40));
    budget.give_back(100);
    BOOST_TEST(used.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_release_wakes_each_waiter_once) {
    gauge used;
    finpost::buffer_budget budget(100, used);
    int woken = 0;
    BOOST_TEST(budget.try_take(100));
    budget.on_release([&] { ++woken; });
    budget.on_release([&] { ++woken; });
    BOOST_TEST(woken == 0);
    budget.give_back(50);
    BOOST_TEST(woken == 2);
    budget.give_back(50);
    BOOST_TEST(woken == 2);
}

BOOST_AUTO_TEST_CASE(payloads_hold_what_they_took) {
    gauge used;
    finpost::buffer_budget budget(10'000, used);
    {
        payload bytes(&budget);
        BOOST_TEST(bytes.reserve(4'000));
        BOOST_TEST(used.value() >= 4'000);
        payload other(&budget);
        BOOST_TEST(!other.reserve(9'000));
    }
    BOOST_TEST(used.value() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
