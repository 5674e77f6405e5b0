#include "queue/delivery_circuit.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

using namespace std::chrono_literals;

namespace {

// A service and its backlog, step by step.
struct fixture {
    using circuit = finpost::detail::delivery_circuit;

    std::size_t free(std::size_t under_way = 0) const { return one.free(now, under_way); }
    void fail(bool all_down = false) { one.unavailable(now, all_down, 1); }

    circuit one{circuit::limits{}};
    circuit::clock::time_point now{};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(delivery_circuit, fixture)

BOOST_AUTO_TEST_CASE(while_it_answers_as_many_as_are_allowed_at_once) {
    BOOST_TEST(free() == 8u);
    BOOST_TEST(free(3) == 5u);
    BOOST_TEST(free(8) == 0u);
    BOOST_TEST(free(9) == 0u);
    one.answered();
    BOOST_TEST(free() == 8u);
}

BOOST_AUTO_TEST_CASE(a_few_failures_are_no_reason_to_stop) {
    for (int i = 0; i < 4; ++i) fail();
    BOOST_TEST(free() == 8u);
    one.answered();
    for (int i = 0; i < 4; ++i) fail();
    BOOST_TEST(!one.open());
    fail();
    BOOST_TEST(one.open());
}

BOOST_AUTO_TEST_CASE(when_all_is_down_one_probes_after_a_pause) {
    fail(true);
    BOOST_TEST(one.open());
    BOOST_TEST(free() == 0u);
    now += 999ms;
    BOOST_TEST(free() == 0u);
    now += 1ms;
    BOOST_TEST((one.probe_at() == now));
    BOOST_TEST(free(1) == 0u); // something is under way still: it is the probe
    BOOST_TEST(free() == 1u);
}

BOOST_AUTO_TEST_CASE(the_pause_between_probes_doubles_up_to_the_most) {
    std::string pauses;
    fail(true);
    for (int i = 0; i < 8; ++i) {
        pauses += std::to_string((*one.probe_at() - now) / 1ms) + ' ';
        now = *one.probe_at();
        fail(true);
    }
    BOOST_TEST(pauses == "1000 2000 4000 8000 16000 30000 30000 30000 ");
}

BOOST_AUTO_TEST_CASE(what_was_under_way_when_it_went_down_says_nothing_new) {
    for (int i = 0; i < 8; ++i) fail(true);
    BOOST_TEST((*one.probe_at() - now == 1s));
}

BOOST_AUTO_TEST_CASE(it_comes_back_slowly) {
    fail(true);
    now = *one.probe_at();
    one.answered();
    BOOST_TEST(!one.open());
    std::string at_once;
    for (int i = 0; i < 9; ++i) {
        at_once += std::to_string(free()) + ' ';
        one.answered();
    }
    BOOST_TEST(at_once == "1 2 3 4 5 6 7 8 8 ");
}

BOOST_AUTO_TEST_CASE(a_failure_while_it_comes_back_stops_it_at_once) {
    fail(true);
    now = *one.probe_at();
    one.answered();
    one.answered();
    fail();
    BOOST_TEST(one.open());
    BOOST_TEST(free() == 0u);
}

BOOST_AUTO_TEST_CASE(an_answer_to_what_was_under_way_is_an_answer) {
    fail(true);
    one.answered();
    BOOST_TEST(!one.open());
    BOOST_TEST(free() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
