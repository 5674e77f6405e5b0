#include "finpost/watchdog.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace finpost;
using namespace std::chrono_literals;
using clock_type = watchdog::clock;

namespace {

struct recording_alarm : watchdog::alarm {
    void look_earlier(clock_type::time_point when) override { asked.push_back(when); }
    std::vector<clock_type::time_point> asked;
};

} // namespace

BOOST_AUTO_TEST_SUITE(watchdog)

BOOST_AUTO_TEST_CASE(an_expired_stage_cancels_what_is_pending_and_names_the_reason) {
    finpost::watchdog dog;
    int cancelled = 0;
    finpost::watchdog::guard guard(dog, [&] { ++cancelled; });
    dog.watch(0s, 1h, reason::upstream_timeout);
    dog.expire(clock_type::now());
    BOOST_TEST(!dog.error());
    BOOST_TEST(cancelled == 0);
    dog.expire(clock_type::now() + 2h);
    BOOST_TEST((dog.error() == reason::upstream_timeout));
    BOOST_TEST(cancelled == 1);
    dog.expire(clock_type::now() + 3h);
    BOOST_TEST(cancelled == 1);
}

BOOST_AUTO_TEST_CASE(the_next_stage_starts_clean_after_an_expiry) {
    finpost::watchdog dog;
    dog.watch(0s, 1h, reason::receive_timeout);
    dog.expire(clock_type::now() + 2h);
    dog.watch(0s, 1h, reason::upstream_timeout);
    BOOST_TEST(!dog.error());
}

BOOST_AUTO_TEST_CASE(a_stop_ends_every_later_stage_as_well) {
    finpost::watchdog dog;
    int cancelled = 0;
    finpost::watchdog::guard guard(dog, [&] { ++cancelled; });
    dog.stop(reason::draining);
    BOOST_TEST(cancelled == 1);
    dog.watch(0s, 1h, reason::upstream_timeout);
    BOOST_TEST((dog.error() == reason::draining));
    BOOST_TEST(dog.stopped());
    dog.stop(reason::internal);
    BOOST_TEST((dog.error() == reason::draining));
}

BOOST_AUTO_TEST_CASE(guards_nest) {
    finpost::watchdog dog;
    std::string called;
    finpost::watchdog::guard outer(dog, [&] { called += "outer "; });
    {
        finpost::watchdog::guard inner(dog, [&] { called += "inner "; });
        dog.watch(0s, 1h, reason::internal);
        dog.expire(clock_type::now() + 2h);
    }
    dog.watch(0s, 1h, reason::internal);
    dog.expire(clock_type::now() + 2h);
    BOOST_TEST(called == "inner outer ");
}

BOOST_AUTO_TEST_CASE(progress_moves_the_idle_limit) {
    finpost::watchdog dog;
    dog.watch(1h, 3h, reason::receive_timeout);
    const auto before = dog.when();
    dog.progress();
    BOOST_TEST((dog.when() >= before));
    BOOST_TEST((dog.when() < before + 1min));
}

BOOST_AUTO_TEST_CASE(at_rest_nothing_is_due) {
    finpost::watchdog dog;
    dog.watch(0s, 1h, reason::receive_timeout);
    dog.rest();
    BOOST_TEST((dog.when() == clock_type::time_point::max()));
    dog.expire(clock_type::now() + 2h);
    BOOST_TEST(!dog.error());
}

BOOST_AUTO_TEST_CASE(the_alarm_is_told_only_of_what_is_due_before_its_next_look) {
    recording_alarm alarm;
    finpost::watchdog dog(&alarm);
    dog.watch(0s, 1h, reason::internal);
    BOOST_TEST(alarm.asked.size() == 1u);
    alarm.next_look = (clock_type::now() + 30min).time_since_epoch().count();
    dog.watch(0s, 1h, reason::internal);
    BOOST_TEST(alarm.asked.size() == 1u);
    dog.watch(0s, 10min, reason::internal);
    BOOST_TEST(alarm.asked.size() == 2u);
    BOOST_TEST((alarm.asked.back() == dog.when()));
}

BOOST_AUTO_TEST_CASE(a_limit_that_moved_while_the_alarm_looked_is_not_forgotten) {
    recording_alarm alarm;
    finpost::watchdog dog(&alarm);
    dog.watch(1h, 0s, reason::receive_timeout);
    alarm.asked.clear();
    dog.progress();
    dog.expire(clock_type::now()); // the alarm thought that the limit had passed
    BOOST_TEST(!dog.error());
    BOOST_REQUIRE(alarm.asked.size() == 1u);
    BOOST_TEST((alarm.asked.back() == dog.when()));
}

BOOST_AUTO_TEST_CASE(a_reminder_is_called_once_and_ends_nothing) {
    recording_alarm alarm;
    finpost::watchdog dog(&alarm);
    int called = 0;
    const auto now = clock_type::now();
    const finpost::watchdog::reminder soon(dog, now + 1s, [&] { ++called; });
    BOOST_REQUIRE(alarm.asked.size() == 1u);
    BOOST_TEST((alarm.asked.back() == now + 1s));
    dog.watch(0s, 1h, reason::upstream_timeout); // a stage that begins changes nothing
    BOOST_TEST((dog.when() == now + 1s));
    dog.expire(now);
    BOOST_TEST(called == 0);
    dog.expire(now + 2s);
    dog.expire(now + 3s);
    BOOST_TEST(called == 1);
    BOOST_TEST(!dog.error());
    // And the limit of the stage is still seen to.
    BOOST_TEST((dog.when() > now + 30min));
    BOOST_TEST((alarm.asked.back() == dog.when()));
    dog.expire(now + 2h);
    BOOST_TEST((dog.error() == reason::upstream_timeout));
    BOOST_TEST(called == 1);
}

BOOST_AUTO_TEST_CASE(a_stage_that_expires_leaves_the_reminder_and_the_next_stage_has_it) {
    finpost::watchdog dog;
    int called = 0;
    const auto now = clock_type::now();
    const finpost::watchdog::reminder late(dog, now + 2h, [&] { ++called; });
    dog.watch(0s, 1h, reason::upstream_unreachable);
    dog.expire(now + 90min);
    BOOST_TEST((dog.error() == reason::upstream_unreachable));
    BOOST_TEST((dog.when() == now + 2h));
    dog.watch(0s, 10h, reason::upstream_timeout);
    dog.rest();
    BOOST_TEST((dog.when() == now + 2h));
    dog.expire(now + 3h);
    BOOST_TEST(called == 1);
    BOOST_TEST((dog.when() == clock_type::time_point::max()));
}

BOOST_AUTO_TEST_CASE(a_reminder_that_has_gone_or_a_stop_calls_nobody) {
    finpost::watchdog dog;
    int called = 0;
    const auto now = clock_type::now();
    {
        const finpost::watchdog::reminder gone(dog, now + 1s, [&] { ++called; });
    }
    BOOST_TEST((dog.when() == clock_type::time_point::max()));
    dog.expire(now + 2s);
    const finpost::watchdog::reminder stopped(dog, now + 1s, [&] { ++called; });
    dog.stop(reason::draining);
    BOOST_TEST((dog.when() == clock_type::time_point::max()));
    dog.expire(now + 2s);
    BOOST_TEST(called == 0);
    finpost::watchdog::reminder after(dog, now + 1s, [&] { ++called; });
    BOOST_TEST((dog.when() == clock_type::time_point::max()));
}

BOOST_AUTO_TEST_SUITE_END()
