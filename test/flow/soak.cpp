// Ten thousand exchanges, sixty-four at once, lose nothing.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace finpost;
using namespace finpost::test;

BOOST_FIXTURE_TEST_SUITE(soak, gateway_fixture)

BOOST_AUTO_TEST_CASE(ten_thousand_exchanges_lose_nothing) {
    constexpr std::size_t all = 10'000;
    threshold = log_level::warning; // what the log holds of them is looked at elsewhere
    start();
    std::mt19937 random(7);
    std::vector<std::string> payloads;
    std::uint64_t bytes = 0;
    for (unsigned i = 0; i < all; ++i) {
        const std::size_t most = i % 50 == 0 ? 100'000 : 2'000;
        payloads.push_back(some_bytes(1 + random() % most, i));
        bytes += payloads.back().size();
    }
    const auto got = exchange_all(address(), payloads, 64);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < all; ++i) {
        if (got[i].bytes == payloads[i] && got[i].how == raw_client::ending::fin) continue;
        if (++wrong == 1) BOOST_TEST_MESSAGE("the first wrong one: " << got[i].bytes.substr(0, 99));
    }
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(upstream.complete() == all);
    BOOST_TEST(upstream.count() == all);
    BOOST_TEST(counters.replied.value() == all);
    BOOST_TEST(counters.payload_bytes.value() == bytes);
    BOOST_TEST(counters.reply_bytes.value() == bytes);
    BOOST_TEST(upstream.connections() <= 64u + counters.upstream_retries.value());
}

BOOST_AUTO_TEST_SUITE_END()
