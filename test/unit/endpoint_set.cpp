#include "upstream/endpoint_set.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <vector>

using namespace std::chrono_literals;
using finpost::reason;

namespace {

using set_type = finpost::detail::endpoint_set;
const set_type::clock::time_point now{std::chrono::hours(1)};

// Ends at once what it has chosen.
std::size_t next_of(set_type& set, set_type::clock::time_point when = now) {
    return set.choose(when).endpoint();
}

void refuse(set_type& set, std::size_t endpoint, set_type::clock::time_point when = now,
            std::uint64_t jitter = 0) {
    const auto others = ~(set_type::mask{1} << endpoint);
    set.choose(when, others).failed(reason::upstream_unreachable, when, jitter);
}

bool up(const set_type& set, std::size_t endpoint) { return set.look(endpoint).up; }

// All were reached once.
void reach(set_type& set) {
    for (std::size_t i = 0; i < set.size(); ++i) set.probed(i, std::nullopt, now, 0);
}

} // namespace

BOOST_AUTO_TEST_SUITE(endpoint_set)

BOOST_AUTO_TEST_CASE(idle_endpoints_take_turns) {
    set_type set(3);
    for (const std::size_t expected : {0u, 1u, 2u, 0u}) BOOST_TEST(next_of(set) == expected);
}

BOOST_AUTO_TEST_CASE(the_one_with_the_fewest_exchanges_has_the_next) {
    set_type set(3);
    const auto slow = set.choose(now);
    const auto other = set.choose(now);
    BOOST_TEST(slow.endpoint() == 0u);
    BOOST_TEST(other.endpoint() == 1u);
    for (int i = 0; i < 9; ++i) BOOST_TEST(next_of(set) == 2u);
    BOOST_TEST(set.look(0).outstanding == 1u);
    BOOST_TEST(set.look(2).outstanding == 0u);
}

BOOST_AUTO_TEST_CASE(what_was_tried_is_not_chosen_again) {
    set_type set(2);
    BOOST_TEST(set.choose(now, 0b01).endpoint() == 1u);
    BOOST_TEST(set.choose(now, 0b10).endpoint() == 0u);
    BOOST_TEST(!set.choose(now, 0b11));
    BOOST_TEST(set.look(0).outstanding == 0u);
}

BOOST_AUTO_TEST_CASE(one_whose_name_is_unknown_is_chosen_only_when_there_is_no_other) {
    set_type set(2);
    for (int i = 0; i < 4; ++i) BOOST_TEST(set.choose(now, 0, 0b01).endpoint() == 1u);
    BOOST_TEST(bool(set.choose(now, 0b10, 0b01)));
}

BOOST_AUTO_TEST_CASE(one_that_failed_is_avoided_until_its_pause_is_over) {
    set_type set(2);
    refuse(set, 0); // 50 ms for certain, 0 of 50 by chance
    BOOST_TEST((set.look(0).last_error == reason::upstream_unreachable));
    BOOST_TEST((set.look(0).ejected_until == now + 50ms));
    for (int i = 0; i < 4; ++i) BOOST_TEST(next_of(set, now + 49ms) == 1u);
    for (int i = 0; i < 4; ++i) BOOST_TEST(next_of(set, now + 50ms) == 0u); // until one knows
}

BOOST_AUTO_TEST_CASE(one_that_failed_is_down_until_something_succeeds_however_long_that_takes) {
    set_type set(1);
    reach(set);
    BOOST_TEST(up(set, 0));
    const auto others = set_type::mask{0};
    const auto later = now + 1h;
    BOOST_TEST(set.choose(later, others)
                   .failed({reason::upstream_unreachable, "Connection refused", false}, later, 0));
    // One exchange a minute, each of which fails: between them nothing has become known.
    for (int minute = 0; minute < 60; ++minute) {
        const auto then = later + minute * 1min;
        BOOST_TEST(!up(set, 0));
        BOOST_TEST(!set.look(0).usable);
        BOOST_TEST(set.look(0).cause == "Connection refused");
        BOOST_TEST((set.look(0).since == later));
        BOOST_TEST(!set.choose(then).failed(
            {reason::upstream_unreachable, "Connection refused", false}, then, 0)); // no news
    }
    BOOST_TEST(set.choose(later + 2h).connected());
    BOOST_TEST(up(set, 0));
    BOOST_TEST(set.look(0).cause.empty());
}

BOOST_AUTO_TEST_CASE(one_that_was_never_reached_is_neither_up_nor_avoided) {
    set_type set(2, now);
    BOOST_TEST(!up(set, 0));
    BOOST_TEST(!set.look(0).usable);
    BOOST_TEST((set.look(0).since == now));
    BOOST_TEST((!set.look(0).last_error && !set.look(0).ejected_until));
    for (const std::size_t expected : {0u, 1u, 0u}) BOOST_TEST(next_of(set) == expected);
    BOOST_TEST(!set.choose(now, 0b10).connected()); // it was not ejected, so it is not back
    BOOST_TEST((up(set, 0) && set.look(0).usable));
    set.choose(now, 0b01).answered();
    BOOST_TEST(up(set, 1));
}

BOOST_AUTO_TEST_CASE(in_doubt_is_who_was_never_reached_or_has_failed_last) {
    set_type set(1, now);
    BOOST_TEST(set.in_doubt(0));
    BOOST_TEST(!set.probed(0, std::nullopt, now, 0));
    BOOST_TEST((up(set, 0) && !set.in_doubt(0)));
    set.choose(now).failed(reason::upstream_timeout, now, 0);
    BOOST_TEST((up(set, 0) && set.in_doubt(0)));
    set.probed(0, std::nullopt, now, 0);
    BOOST_TEST(!set.in_doubt(0)); // it is there; whether it answers, only an exchange can tell
    BOOST_TEST(set.look(0).last_error.has_value());
    refuse(set, 0);
    BOOST_TEST(set.in_doubt(0));
    set.choose(now).answered();
    BOOST_TEST(!set.in_doubt(0));
}

BOOST_AUTO_TEST_CASE(a_probe_ejects_one_that_nobody_asks_and_brings_it_back) {
    set_type set(1, now);
    const set_type::fault refused(reason::upstream_unreachable, "Connection refused", false);
    BOOST_TEST(set.probed(0, refused, now + 1s, 0));
    BOOST_TEST(!set.probed(0, refused, now + 6s, 0)); // no news
    BOOST_TEST((!up(set, 0) && set.look(0).cause == "Connection refused"));
    BOOST_TEST((set.look(0).since == now)); // it was never reached
    BOOST_TEST(set.probed(0, std::nullopt, now + 11s, 0));
    BOOST_TEST((up(set, 0) && !set.look(0).last_error));
}

BOOST_AUTO_TEST_CASE(a_probe_that_fails_late_does_not_overrule_an_exchange_that_got_through) {
    set_type set(1, now);
    set.choose(now).connected();
    BOOST_TEST(!set.probed(0, reason::upstream_unreachable, now, 0));
    BOOST_TEST(up(set, 0));
}

BOOST_AUTO_TEST_CASE(
    one_avoided_for_its_answers_can_be_used_when_it_is_connected_to_and_is_up_when_it_answers) {
    set_type set(1);
    reach(set);
    for (int i = 0; i < 5; ++i) set.choose(now).failed(reason::upstream_timeout, now, 0);
    BOOST_TEST((!up(set, 0) && !set.look(0).usable));
    BOOST_TEST(!set.probed(0, std::nullopt, now, 0));
    BOOST_TEST(
        (!up(set, 0) && set.look(0).usable)); // or a gateway without clients would never be ready
    const auto later = now + 1min;
    set.choose(later).failed(reason::upstream_timeout, later, 0);
    BOOST_TEST((!up(set, 0) && !set.look(0).usable));
    // It goes away, and what comes back is another.
    set.probed(0, reason::upstream_unreachable, later, 0);
    BOOST_TEST(set.probed(0, std::nullopt, later, 0));
    BOOST_TEST(up(set, 0));
}

BOOST_AUTO_TEST_CASE(
    one_that_takes_no_certificate_of_ours_is_not_up_because_it_can_be_connected_to) {
    set_type set(1);
    reach(set);
    const set_type::fault rejected(reason::upstream_unreachable, "TLS handshake: unknown CA", true);
    BOOST_TEST(set.choose(now).failed(rejected, now, 0));
    BOOST_TEST(!set.choose(now).connected());
    BOOST_TEST(!up(set, 0));
    BOOST_TEST(set.choose(now).answered());
    BOOST_TEST(up(set, 0));
}

BOOST_AUTO_TEST_CASE(after_the_pause_one_exchange_finds_out_for_all) {
    set_type set(2);
    refuse(set, 0);
    const auto later = now + 50ms;
    {
        const auto probe = set.choose(later);
        BOOST_TEST(probe.endpoint() == 0u);
        for (int i = 0; i < 4; ++i) BOOST_TEST(next_of(set, later) == 1u);
        BOOST_TEST(!up(set, 0)); // not proved yet
    }
    // It ended without an answer either way, so the next one is the probe.
    auto probe = set.choose(later);
    BOOST_TEST(probe.endpoint() == 0u);
    probe.connected();
    const auto one = set.choose(later), another = set.choose(later), third = set.choose(later);
    BOOST_TEST(one.endpoint() + another.endpoint() + third.endpoint() < 3u); // not all to the other
}

BOOST_AUTO_TEST_CASE(the_pause_doubles_to_a_limit_and_is_spread_by_chance) {
    set_type set(1);
    const auto pause = [&set](set_type::clock::time_point from) {
        return set.look(0).ejected_until.value() - from;
    };
    refuse(set, 0, now, 50); // all of the half that chance gives
    BOOST_TEST((pause(now) == 100ms));
    auto when = now + 100ms;
    refuse(set, 0, when);
    BOOST_TEST((pause(when) == 100ms));
    for (int i = 0; i < 100; ++i) refuse(set, 0, when += 10s);
    BOOST_TEST((pause(when) == 5s));
}

BOOST_AUTO_TEST_CASE(exchanges_that_fail_together_are_one_failure) {
    set_type set(1);
    for (int i = 0; i < 100; ++i) refuse(set, 0);
    BOOST_TEST((set.look(0).ejected_until == now + 50ms));
}

BOOST_AUTO_TEST_CASE(only_answers_that_fail_five_times_in_a_row_count) {
    set_type set(2);
    reach(set);
    for (int i = 0; i < 10; ++i) {
        const auto chosen = set.choose(now, 0b10);
        BOOST_TEST(!chosen.failed(reason::upstream_timeout, now, 0));
        if (i % 4 == 3) chosen.answered();
    }
    BOOST_TEST(up(set, 0));
    set.choose(now, 0b10).answered();
    for (int i = 0; i < 4; ++i)
        BOOST_TEST(!set.choose(now, 0b10).failed(reason::upstream_invalid, now, 0));
    BOOST_TEST(set.choose(now, 0b10).failed(reason::upstream_invalid, now, 0));
    BOOST_TEST(!up(set, 0));
    // That it can be connected to is no news.
    set.choose(now, 0b10).connected();
    BOOST_TEST(!up(set, 0));
    set.choose(now, 0b10).answered();
    BOOST_TEST(up(set, 0));
    BOOST_TEST(!set.look(0).last_error);
}

BOOST_AUTO_TEST_CASE(a_probe_without_an_answer_ejects_at_once) {
    set_type set(2);
    for (int i = 0; i < 5; ++i) set.choose(now, 0b10).failed(reason::upstream_timeout, now, 0);
    const auto later = now + 50ms;
    BOOST_TEST(!set.choose(later, 0b10).failed(reason::upstream_timeout, later, 0)); // no news
    BOOST_TEST((set.look(0).ejected_until == later + 100ms));
}

BOOST_AUTO_TEST_CASE(when_all_are_avoided_they_are_asked_all_the_same) {
    set_type set(2);
    refuse(set, 0);
    refuse(set, 1);
    const auto first = set.choose(now);
    const auto second = set.choose(now);
    BOOST_TEST((first && second));
    BOOST_TEST(first.endpoint() != second.endpoint());
}

BOOST_AUTO_TEST_CASE(success_clears_the_record) {
    set_type set(1);
    auto when = now;
    for (int i = 0; i < 5; ++i) refuse(set, 0, when += 10s);
    set.choose(when).connected();
    BOOST_TEST(up(set, 0));
    refuse(set, 0, when);
    BOOST_TEST((set.look(0).ejected_until == when + 50ms));
}

BOOST_AUTO_TEST_CASE(the_first_health_check_decides_and_later_two_in_a_row) {
    set_type set(2);
    BOOST_TEST(set.checked(0, reason::upstream_status, now));
    BOOST_TEST(!up(set, 0));
    for (int i = 0; i < 4; ++i) BOOST_TEST(next_of(set, now + 24h) == 1u);
    BOOST_TEST(set.checked(0, std::nullopt, now));
    BOOST_TEST(up(set, 0));
    BOOST_TEST(!set.checked(0, reason::upstream_timeout, now));
    BOOST_TEST(up(set, 0));
    BOOST_TEST(!set.checked(0, std::nullopt, now));
    BOOST_TEST(!set.look(0).last_error);
    BOOST_TEST(!set.checked(0, reason::upstream_timeout, now));
    BOOST_TEST(set.checked(0, reason::upstream_timeout, now));
    BOOST_TEST(!up(set, 0));
    BOOST_TEST((set.look(0).ejected_until == set_type::clock::time_point::max()));
    BOOST_TEST((set.look(0).last_error == reason::upstream_timeout));
}

BOOST_AUTO_TEST_CASE(an_exchange_does_not_overrule_a_health_check) {
    set_type set(1);
    set.checked(0, reason::upstream_status, now);
    set.choose(now).answered();
    BOOST_TEST(!up(set, 0));
    BOOST_TEST((set.look(0).last_error == reason::upstream_status));
}

BOOST_AUTO_TEST_CASE(a_health_check_ends_the_pause_of_one_that_can_be_connected_to_again) {
    set_type set(1);
    refuse(set, 0);
    set.checked(0, std::nullopt, now);
    BOOST_TEST(up(set, 0));
    for (int i = 0; i < 5; ++i) set.choose(now).failed(reason::upstream_timeout, now, 0);
    set.checked(0, std::nullopt, now);
    BOOST_TEST(!up(set, 0)); // whether it answers again, only an exchange can tell
}

BOOST_AUTO_TEST_SUITE_END()
