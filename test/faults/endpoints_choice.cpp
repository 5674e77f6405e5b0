// Which of several endpoints has an exchange, and what becomes of those that fail.
#include "faults/upstream_fixture.hpp"

#include <atomic>
#include <future>
#include <string>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using conversation = scripted_upstream::conversation;

namespace {

// Two endpoints: the fixture's own, and another.
struct two_endpoints : upstream_fixture {
    two_endpoints() { service.endpoints = {upstream.url(), other.url()}; }
    void teardown() {
        other.stop();
        upstream_fixture::teardown();
    }
    scripted_upstream other;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(endpoints_choice, two_endpoints)

BOOST_AUTO_TEST_CASE(one_that_is_slow_has_less_to_do) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    auto slow = std::async(std::launch::async, [this] { return exchange("slow").bytes; });
    BOOST_REQUIRE(upstream.wait_for_requests(1));
    for (int i = 0; i < 20; ++i) expect_served();
    BOOST_TEST(upstream.count() == 1u);
    BOOST_TEST(other.count() == 20u);
    BOOST_TEST(forwarder().endpoints().front().outstanding == 1u);
    upstream.open_gate();
    BOOST_TEST(slow.get() == "slow");
    BOOST_TEST(forwarder().endpoints().front().outstanding == 0u);
}

BOOST_AUTO_TEST_CASE(one_that_goes_away_costs_nobody_an_exchange) {
    start();
    for (int i = 0; i < 10; ++i) expect_served();
    BOOST_TEST(other.count() == 5u);
    other.stop();
    for (int i = 0; i < 30; ++i) expect_served();
    BOOST_TEST(upstream.count() == 35u);
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    BOOST_TEST(log.of("upstream endpoint ejected").front().at("endpoint") ==
               to_string(other.address()));
}

BOOST_AUTO_TEST_CASE(one_that_answers_nonsense_is_avoided_after_five_in_a_row_and_comes_back) {
    std::atomic<bool> broken{true};
    other.by_default([&broken](conversation& talk) {
        if (!broken) return scripted_upstream::echo()(talk);
        talk.read_body();
        talk.send("nonsense\r\n\r\n");
    });
    start();
    std::size_t exchanges = 0;
    for (; counters.upstream_ejections.value() == 0 && exchanges < 100; ++exchanges)
        static_cast<void>(exchange("x"));
    BOOST_TEST(exchanges <= 11u);
    BOOST_TEST(refused(reason::upstream_invalid) == 5u);
    BOOST_TEST(log.of("upstream endpoint ejected").front().at("reason") == "upstream_invalid");
    broken = false;
    // One exchange tries it when the pause is over; here somebody asks all the time.
    const std::size_t before = other.count();
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (other.count() == before && std::chrono::steady_clock::now() < until) expect_served();
    BOOST_REQUIRE(log.wait_for("upstream endpoint restored"));
    BOOST_TEST(log.of("upstream endpoint restored").front().at("endpoint") ==
               to_string(other.address()));
    BOOST_TEST(forwarder().endpoints().back().up);
    BOOST_TEST(!forwarder().endpoints().back().last_error);
    for (int i = 0; i < 10; ++i) expect_served();
    BOOST_TEST(other.count() >= before + 5);
    BOOST_TEST(refused(reason::upstream_invalid) == 5u);
}

BOOST_AUTO_TEST_CASE(an_answer_in_between_shows_that_it_lives) {
    std::atomic<int> n{0};
    other.by_default([&n](conversation& talk) {
        talk.read_body();
        if (++n % 4 != 0)
            talk.send("nonsense\r\n\r\n");
        else
            talk.send(response(500, "alive"));
    });
    start();
    for (int i = 0; i < 40; ++i) static_cast<void>(exchange("x"));
    BOOST_TEST(other.count() == 20u);
    BOOST_TEST(counters.upstream_ejections.value() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
