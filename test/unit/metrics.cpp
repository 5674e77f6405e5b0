#include "finpost/metrics.hpp"

#include <boost/test/unit_test.hpp>

#include <numeric>

using namespace finpost;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(what_is_in_flight_is_what_has_not_ended) {
    finpost::metrics counters;
    counters.accepted.add(10);
    counters.replied.add(3);
    counters.refused_for(reason::empty).add();
    counters.refused_for(reason::internal).add();
    counters.aborted.add();
    counters.probes.add();
    const auto view = counters.read_sessions();
    BOOST_TEST(view.refused == 2u);
    BOOST_TEST(view.active == 3u);
    BOOST_TEST(counters.refused.front().value() == 1u);
    BOOST_TEST(counters.refused.back().value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_histogram_counts_each_time_once_in_the_right_bucket) {
    histogram h;
    h.record(500us); // a bound belongs to its bucket
    h.record(501us);
    h.record(1h);
    const auto view = h.read();
    BOOST_TEST(view.buckets.front() == 1u);
    BOOST_TEST(view.buckets[1] == 1u);
    BOOST_TEST(view.buckets.back() == 1u);
    BOOST_TEST(std::accumulate(view.buckets.begin(), view.buckets.end(), 0u) == 3u);
    BOOST_TEST(view.sum_seconds == 3600.001001, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()
