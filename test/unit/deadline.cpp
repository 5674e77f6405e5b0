#include "finpost/deadline.hpp"

#include <boost/test/unit_test.hpp>

using namespace std::chrono_literals;

namespace {

using time_point = finpost::deadline::time_point;
using span = finpost::deadline::span;

constexpr time_point start{1h};
constexpr time_point never = time_point::max();

} // namespace

BOOST_AUTO_TEST_SUITE(deadline)

BOOST_AUTO_TEST_CASE(without_limits_nothing_is_ever_due) {
    constexpr finpost::deadline none;
    static_assert(none.when() == never);
    BOOST_TEST(!none.due(start));
    finpost::deadline zero(start, 0s, 0s);
    zero.progress(start + 1s);
    BOOST_TEST((zero.when() == never));
    BOOST_TEST((finpost::deadline(start, -1s, -1s).when() == never));
}

BOOST_AUTO_TEST_CASE(the_nearer_limit_counts) {
    BOOST_TEST((finpost::deadline(start, 10s, 60s).when() == start + 10s));
    BOOST_TEST((finpost::deadline(start, 60s, 10s).when() == start + 10s));
    BOOST_TEST((finpost::deadline(start, 0s, 10s).when() == start + 10s));
    BOOST_TEST((finpost::deadline(start, 10s, 0s).when() == start + 10s));
}

BOOST_AUTO_TEST_CASE(it_is_due_from_the_very_moment_on) {
    const finpost::deadline limit(start, 0s, 10s);
    BOOST_TEST(!limit.due(start));
    BOOST_TEST(!limit.due(start + 10s - 1ns));
    BOOST_TEST(limit.due(start + 10s));
    BOOST_TEST(limit.due(start + 11s));
    BOOST_TEST(limit.due(never));
}

BOOST_AUTO_TEST_CASE(progress_puts_off_the_idle_limit_but_not_the_total_one) {
    finpost::deadline limit(start, 10s, 25s);
    limit.progress(start + 9s);
    BOOST_TEST((limit.when() == start + 19s));
    limit.progress(start + 18s);
    BOOST_TEST((limit.when() == start + 25s)); // a client that drips does not live for ever
    limit.progress(start + 24s);
    BOOST_TEST((limit.when() == start + 25s));
}

BOOST_AUTO_TEST_CASE(progress_makes_no_idle_limit_where_there_is_none) {
    finpost::deadline limit(start, 0s, 25s);
    limit.progress(start + 20s);
    BOOST_TEST((limit.when() == start + 25s));
}

BOOST_AUTO_TEST_CASE(a_limit_beyond_the_end_of_time_is_no_limit) {
    constexpr finpost::deadline both(start, span::max(), span::max());
    static_assert(both.when() == never); // an overflow would not compile
    const span left = never - start;
    BOOST_TEST((finpost::deadline(start, 0s, left - 1ns).when() == never - 1ns));
    BOOST_TEST((finpost::deadline(start, 0s, left).when() == never));
    BOOST_TEST((finpost::deadline(start, 0s, left + 1ns).when() == never));
    BOOST_TEST((finpost::deadline(never, 1s, 1s).when() == never));

    finpost::deadline idle(start, left - 1s, 0s);
    idle.progress(start + 2s); // now the idle limit passes the end of time
    BOOST_TEST((idle.when() == never));
}

BOOST_AUTO_TEST_SUITE_END()
