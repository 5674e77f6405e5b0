// Faults that have a name, where payloads are stored before they are delivered.
#include "sim/queue_invariants.hpp"
#include "sim/scenario.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string_view>

using namespace finpost::sim;

namespace {

plan stored_clients(delivery_form how) {
    plan out = with_clients(4);
    out.clients[1].size = 30'000;
    out.rules.spill_above = 16 << 10;
    out.rules.delivery = how;
    out.rules.retry_for = 60'000;
    return out;
}

// It refuses what has come, and is then away.
void fail_for_a_while(plan& what) {
    what.clients[0].first.status = what.clients[0].again.status = 503;
    what.clients[2].first.resets = true;
    what.service.down_at = 1 * ms;
    what.service.up_at = 3 * s;
    what.service.all_down = true;
}

std::size_t told(const run_result& got, std::string_view why) {
    return static_cast<std::size_t>(
        std::count_if(got.clients.begin(), got.clients.end(),
                      [why](const client_result& one) { return one.reason == why; }));
}

} // namespace

BOOST_AUTO_TEST_SUITE(queue_scenarios)

BOOST_AUTO_TEST_CASE(who_is_stored_has_a_receipt_and_is_delivered) {
    plan what = stored_clients(delivery_form::queue);
    what.fair = true;
    const run_result got = check(what);
    BOOST_TEST(got.sessions.queued == 4u);
    BOOST_TEST(got.posts == 4u);
    for (const client_result& one : got.clients) BOOST_TEST(!receipt_in(one.got).empty());
    BOOST_TEST(run(what).hash == got.hash);
}

BOOST_AUTO_TEST_CASE(a_service_that_fails_for_a_while_gets_all_in_the_end) {
    for (const delivery_form how : {delivery_form::queue, delivery_form::fallback}) {
        plan what = stored_clients(how);
        what.fair = true;
        fail_for_a_while(what);
        const run_result got = check(what);
        BOOST_TEST(got.sessions.queued + got.sessions.replied == 4u);
        BOOST_TEST(got.sessions.queued > 0u);
        BOOST_TEST(run(what).hash == got.hash);
    }
}

BOOST_AUTO_TEST_CASE(a_kill_at_every_event_of_a_queue) {
    plan what = stored_clients(delivery_form::queue);
    fail_for_a_while(what);
    at_every_tick(what, 7, [](plan& now, std::uint64_t tick) { now.hard.dies_at = tick; });
}

BOOST_AUTO_TEST_CASE(a_drain_at_every_event_of_a_queue) {
    for (const delivery_form how : {delivery_form::queue, delivery_form::fallback})
        at_every_tick(stored_clients(how), 3, [](plan& now, std::uint64_t tick) {
            now.acts.push_back(at_tick(act_kind::drain, tick, 20 * ms));
        });
}

BOOST_AUTO_TEST_CASE(who_waits_for_too_long_is_told_that_nobody_knows) {
    std::size_t refused = 0;
    for (std::uint64_t dice = 1; dice <= 100; ++dice) {
        plan what = stored_clients(delivery_form::queue);
        what.dice = dice;
        what.rules.slow_commits = 50;
        what.rules.queue_timeout = 500;
        refused += told(check(what), "queue_failed");
    }
    BOOST_TEST(refused > 20u);
}

BOOST_AUTO_TEST_CASE(a_store_that_fails_or_is_full_gives_no_receipt) {
    std::size_t failed = 0, full = 0;
    for (std::uint64_t dice = 1; dice <= 100; ++dice) {
        plan what = stored_clients(delivery_form::queue);
        what.dice = dice;
        what.rules.failed_commits = what.rules.full_commits = 30;
        const run_result got = check(what);
        failed += told(got, "queue_failed");
        full += told(got, "queue_full");
    }
    BOOST_TEST(failed > 20u);
    BOOST_TEST(full > 20u);
}

BOOST_AUTO_TEST_SUITE_END()
