#include "policy/log_throttle.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::detail;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(log_throttle)

BOOST_AUTO_TEST_CASE(it_is_due_at_first_and_then_once_a_pause) {
    finpost::detail::log_throttle one(1h);
    const auto at = finpost::detail::log_throttle::clock::time_point(123'456h);
    BOOST_TEST(one.is_due(at));
    BOOST_TEST(!one.is_due(at));
    BOOST_TEST(!one.is_due(at + 1h - 1ns));
    BOOST_TEST(one.is_due(at + 1h));
    BOOST_TEST(!one.is_due(at + 1h));
    BOOST_TEST(one.is_due(at + 9h));
}

BOOST_AUTO_TEST_SUITE_END()
