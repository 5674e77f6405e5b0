#include "queue/queue_clock.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(queue_clock)

BOOST_AUTO_TEST_CASE(it_begins_with_the_wall_clock_and_goes_on_by_the_other) {
    using time_point = finpost::detail::queue_clock::time_point;
    const finpost::detail::queue_clock clock(time_point(1000s), 7s);
    BOOST_TEST((clock.at(7s) == time_point(1000s)));
    BOOST_TEST((clock.at(67s) == time_point(1060s))); // whatever the wall clock says then
}

BOOST_AUTO_TEST_CASE(that_of_this_machine_is_near_the_wall_clock) {
    const auto clock = finpost::detail::queue_clock::start();
    const auto apart = clock.now() - std::chrono::system_clock::now();
    BOOST_TEST((apart > -10s && apart < 10s));
}

BOOST_AUTO_TEST_SUITE_END()
