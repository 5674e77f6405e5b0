#include "load_histogram.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using namespace finpost;
using namespace std::chrono_literals;
using span = latency_histogram::span;

namespace {

bool within_one_percent(span got, span exact) {
    const auto difference = std::abs(static_cast<double>((got - exact).count()));
    return difference <= 0.01 * static_cast<double>(exact.count());
}

} // namespace

BOOST_AUTO_TEST_SUITE(latency_histogram)

BOOST_AUTO_TEST_CASE(without_values_everything_is_zero) {
    const finpost::latency_histogram empty;
    BOOST_TEST(empty.count() == 0u);
    BOOST_TEST((empty.min() == 0ns && empty.max() == 0ns && empty.mean() == 0ns));
    BOOST_TEST((empty.percentile(50) == 0ns));
}

BOOST_AUTO_TEST_CASE(one_value_is_every_percentile_exactly) {
    finpost::latency_histogram one;
    one.record(1'234'567ns);
    for (const double percent : {0.1, 50.0, 99.9, 100.0})
        BOOST_TEST((one.percentile(percent) == 1'234'567ns));
}

BOOST_AUTO_TEST_CASE(every_magnitude_comes_back_within_a_hundredth) {
    for (span value = 1ns; value < 15min; value = value * 9 / 8 + 1ns) {
        finpost::latency_histogram some;
        some.record(0ns);
        some.record(value);
        some.record(1h);
        BOOST_TEST_CONTEXT(value.count())
        BOOST_TEST(within_one_percent(some.percentile(50), value));
    }
}

BOOST_AUTO_TEST_CASE(neighbours_of_every_power_of_two_keep_their_order) {
    for (int bit = 1; bit < 40; ++bit) {
        finpost::latency_histogram some;
        const span power(std::int64_t{1} << bit);
        some.record(power - 1ns);
        some.record(power);
        some.record(power + 1ns);
        BOOST_TEST((some.percentile(33) <= some.percentile(66)));
        BOOST_TEST((some.percentile(66) <= some.percentile(100)));
        BOOST_TEST(within_one_percent(some.percentile(66), power));
    }
}

BOOST_AUTO_TEST_CASE(percentiles_of_many_values_are_those_of_the_sorted_list) {
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> latency(13.0, 1.5); // around half a millisecond, and a tail
    std::vector<span> all;
    finpost::latency_histogram some;
    for (int i = 0; i < 100'000; ++i) {
        all.emplace_back(static_cast<span::rep>(latency(random)));
        some.record(all.back());
    }
    std::sort(all.begin(), all.end());
    BOOST_TEST(some.count() == all.size());
    BOOST_TEST((some.min() == all.front() && some.max() == all.back()));
    for (const double percent : {0.01, 1.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
        const double share = percent / 100 * static_cast<double>(all.size());
        const auto rank = static_cast<std::size_t>(std::ceil(share));
        BOOST_TEST_CONTEXT(percent)
        BOOST_TEST(within_one_percent(some.percentile(percent), all[rank - 1]));
    }
}

BOOST_AUTO_TEST_CASE(a_tail_is_not_hidden_by_the_rest) {
    finpost::latency_histogram some;
    for (int i = 0; i < 98; ++i) some.record(1ms);
    some.record(1s);
    some.record(1s);
    BOOST_TEST(within_one_percent(some.percentile(98), 1ms));
    BOOST_TEST(within_one_percent(some.percentile(99), 1s));
}

BOOST_AUTO_TEST_CASE(what_is_out_of_range_is_counted_at_its_end) {
    finpost::latency_histogram some;
    some.record(-5ns);
    some.record(24h);
    BOOST_TEST(some.count() == 2u);
    BOOST_TEST((some.min() == 0ns));
    BOOST_TEST((some.max() == 24h));
    BOOST_TEST((some.percentile(100) > 18min));
}

BOOST_AUTO_TEST_SUITE_END()
