#include "finpost/exchange_deadline.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace finpost;
using namespace std::chrono_literals;
using clock_type = exchange_deadline::clock;

namespace {

struct recording_timer : exchange_deadline::timer_source {
    void reschedule(clock_type::time_point when) override { asked.push_back(when); }
    std::vector<clock_type::time_point> asked;
};

} // namespace

BOOST_AUTO_TEST_SUITE(exchange_deadline)

BOOST_AUTO_TEST_CASE(an_expired_stage_cancels_what_is_pending_and_names_the_reason) {
    finpost::exchange_deadline deadline;
    int cancelled = 0;
    finpost::exchange_deadline::on_cancel guard(deadline, [&] { ++cancelled; });
    deadline.arm(0s, 1h, reason::upstream_timeout);
    deadline.expire(clock_type::now());
    BOOST_TEST(!deadline.error());
    BOOST_TEST(cancelled == 0);
    deadline.expire(clock_type::now() + 2h);
    BOOST_TEST((deadline.error() == reason::upstream_timeout));
    BOOST_TEST(cancelled == 1);
    deadline.expire(clock_type::now() + 3h);
    BOOST_TEST(cancelled == 1);
}

BOOST_AUTO_TEST_CASE(the_next_stage_starts_clean_after_an_expiry) {
    finpost::exchange_deadline deadline;
    deadline.arm(0s, 1h, reason::receive_timeout);
    deadline.expire(clock_type::now() + 2h);
    deadline.arm(0s, 1h, reason::upstream_timeout);
    BOOST_TEST(!deadline.error());
}

BOOST_AUTO_TEST_CASE(a_stop_ends_every_later_stage_as_well) {
    finpost::exchange_deadline deadline;
    int cancelled = 0;
    finpost::exchange_deadline::on_cancel guard(deadline, [&] { ++cancelled; });
    deadline.stop(reason::draining);
    BOOST_TEST(cancelled == 1);
    deadline.arm(0s, 1h, reason::upstream_timeout);
    BOOST_TEST((deadline.error() == reason::draining));
    BOOST_TEST(deadline.stopped());
    deadline.stop(reason::internal);
    BOOST_TEST((deadline.error() == reason::draining));
}

BOOST_AUTO_TEST_CASE(cancels_nest) {
    finpost::exchange_deadline deadline;
    std::string called;
    finpost::exchange_deadline::on_cancel outer(deadline, [&] { called += "outer "; });
    {
        finpost::exchange_deadline::on_cancel inner(deadline, [&] { called += "inner "; });
        deadline.arm(0s, 1h, reason::internal);
        deadline.expire(clock_type::now() + 2h);
    }
    deadline.arm(0s, 1h, reason::internal);
    deadline.expire(clock_type::now() + 2h);
    BOOST_TEST(called == "inner outer ");
}

BOOST_AUTO_TEST_CASE(progress_moves_the_idle_limit) {
    finpost::exchange_deadline deadline;
    deadline.arm(1h, 3h, reason::receive_timeout);
    const auto before = deadline.when();
    deadline.progress();
    BOOST_TEST((deadline.when() >= before));
    BOOST_TEST((deadline.when() < before + 1min));
}

BOOST_AUTO_TEST_CASE(at_rest_nothing_is_due) {
    finpost::exchange_deadline deadline;
    deadline.arm(0s, 1h, reason::receive_timeout);
    deadline.disarm();
    BOOST_TEST((deadline.when() == clock_type::time_point::max()));
    deadline.expire(clock_type::now() + 2h);
    BOOST_TEST(!deadline.error());
}

BOOST_AUTO_TEST_CASE(the_alarm_is_told_only_of_what_is_due_before_its_next_look) {
    recording_timer timer;
    finpost::exchange_deadline deadline(&timer);
    deadline.arm(0s, 1h, reason::internal);
    BOOST_TEST(timer.asked.size() == 1u);
    timer.next_check = (clock_type::now() + 30min).time_since_epoch().count();
    deadline.arm(0s, 1h, reason::internal);
    BOOST_TEST(timer.asked.size() == 1u);
    deadline.arm(0s, 10min, reason::internal);
    BOOST_TEST(timer.asked.size() == 2u);
    BOOST_TEST((timer.asked.back() == deadline.when()));
}

BOOST_AUTO_TEST_CASE(a_limit_that_moved_while_the_alarm_looked_is_not_forgotten) {
    recording_timer timer;
    finpost::exchange_deadline deadline(&timer);
    deadline.arm(1h, 0s, reason::receive_timeout);
    timer.asked.clear();
    deadline.progress();
    deadline.expire(clock_type::now()); // the timer thought that the limit had passed
    BOOST_TEST(!deadline.error());
    BOOST_REQUIRE(timer.asked.size() == 1u);
    BOOST_TEST((timer.asked.back() == deadline.when()));
}

BOOST_AUTO_TEST_CASE(a_call_is_made_once_and_ends_nothing) {
    recording_timer timer;
    finpost::exchange_deadline deadline(&timer);
    int called = 0;
    const auto now = clock_type::now();
    const finpost::exchange_deadline::call_at yield(deadline, now + 1s, [&] { ++called; });
    BOOST_REQUIRE(timer.asked.size() == 1u);
    BOOST_TEST((timer.asked.back() == now + 1s));
    deadline.arm(0s, 1h, reason::upstream_timeout); // a stage that begins changes nothing
    BOOST_TEST((deadline.when() == now + 1s));
    deadline.expire(now);
    BOOST_TEST(called == 0);
    deadline.expire(now + 2s);
    deadline.expire(now + 3s);
    BOOST_TEST(called == 1);
    BOOST_TEST(!deadline.error());
    // And the limit of the stage is still seen to.
    BOOST_TEST((deadline.when() > now + 30min));
    BOOST_TEST((timer.asked.back() == deadline.when()));
    deadline.expire(now + 2h);
    BOOST_TEST((deadline.error() == reason::upstream_timeout));
    BOOST_TEST(called == 1);
}

BOOST_AUTO_TEST_CASE(a_stage_that_expires_leaves_the_call_and_the_next_stage_has_it) {
    finpost::exchange_deadline deadline;
    int called = 0;
    const auto now = clock_type::now();
    const finpost::exchange_deadline::call_at late(deadline, now + 2h, [&] { ++called; });
    deadline.arm(0s, 1h, reason::upstream_unreachable);
    deadline.expire(now + 90min);
    BOOST_TEST((deadline.error() == reason::upstream_unreachable));
    BOOST_TEST((deadline.when() == now + 2h));
    deadline.arm(0s, 10h, reason::upstream_timeout);
    deadline.disarm();
    BOOST_TEST((deadline.when() == now + 2h));
    deadline.expire(now + 3h);
    BOOST_TEST(called == 1);
    BOOST_TEST((deadline.when() == clock_type::time_point::max()));
}

BOOST_AUTO_TEST_CASE(a_call_that_has_gone_or_a_stop_calls_nobody) {
    finpost::exchange_deadline deadline;
    int called = 0;
    const auto now = clock_type::now();
    {
        const finpost::exchange_deadline::call_at gone(deadline, now + 1s, [&] { ++called; });
    }
    BOOST_TEST((deadline.when() == clock_type::time_point::max()));
    deadline.expire(now + 2s);
    const finpost::exchange_deadline::call_at stopped(deadline, now + 1s, [&] { ++called; });
    deadline.stop(reason::draining);
    BOOST_TEST((deadline.when() == clock_type::time_point::max()));
    deadline.expire(now + 2s);
    BOOST_TEST(called == 0);
    finpost::exchange_deadline::call_at after(deadline, now + 1s, [&] { ++called; });
    BOOST_TEST((deadline.when() == clock_type::time_point::max()));
}

BOOST_AUTO_TEST_SUITE_END()
