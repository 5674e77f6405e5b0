#include "accept_permits.hpp"

#include "listener_rules.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <utility>

using namespace finpost;
using namespace finpost::detail;

namespace {

// Rules of a gateway that nobody starts.
struct fixture {
    using rules_ptr = std::shared_ptr<const listener_rules>;

    static std::shared_ptr<admission> count(std::size_t connections) {
        return std::make_shared<admission>(connections, 0, 0);
    }
    rules_ptr rules(std::shared_ptr<admission> admits) {
        return std::make_shared<const listener_rules>(shared, gateway_config(), listener_parts(),
                                                      handler(), streaming_handler(),
                                                      std::move(admits));
    }
    // Every client may be a proxy's, and has a preamble then.
    rules_ptr rules_with_preambles(std::shared_ptr<admission> admits, std::size_t handshakes) {
        gateway_config config;
        config.proxy_protocol_from = {parse_network("0.0.0.0/0").value()};
        config.max_handshakes = handshakes;
        return std::make_shared<const listener_rules>(shared, std::move(config), listener_parts(),
                                                      handler(), streaming_handler(),
                                                      std::move(admits));
    }
    std::shared_ptr<waiter> join(accept_permits& permits) {
        return permits.join_queue(io.get_executor());
    }
    static bool goes_by(const accept_permits& permits, const rules_ptr& rules) {
        return permits.context().get() == &rules->context;
    }

    boost::asio::io_context io;
    metrics counters;
    const std::shared_ptr<shared_resources> shared =
        std::make_shared<shared_resources>(io.get_executor(), counters, logger());
    const std::shared_ptr<admission> one = count(1);
};

// Two acceptors that have queued for one permit, and the first was woken.
struct two_in_queue : fixture {
    two_in_queue() {
        std::optional held = one->try_admit();
        BOOST_TEST((!first.take() && !second.take()));
        before = join(first), behind = join(second);
        BOOST_REQUIRE((before && behind));
        held.reset();
        BOOST_TEST((before->woken() && !behind->woken()));
    }

    const rules_ptr shared_rules = rules(one);
    accept_permits first{context_of(shared_rules)}, second{context_of(shared_rules)};
    std::shared_ptr<waiter> before, behind;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(accept_permits, fixture)

BOOST_AUTO_TEST_CASE(it_takes_one_permit_and_gives_it_back) {
    finpost::detail::accept_permits permits(context_of(rules(one)));
    BOOST_TEST(permits.take());
    BOOST_TEST(permits.take()); // it is there
    BOOST_TEST(!one->try_admit());
    permits.give_back();
    BOOST_TEST(one->try_admit().has_value());
}

BOOST_AUTO_TEST_CASE(what_a_client_got_is_not_there_any_more) {
    finpost::detail::accept_permits permits(context_of(rules(one)));
    BOOST_TEST(permits.take());
    std::optional client(permits.hand_over_connection());
    BOOST_TEST(!permits.take());
    permits.give_back();
    BOOST_TEST(!permits.take());
    client.reset();
    BOOST_TEST(permits.take());
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_connection_is_woken_by_the_next_that_ends) {
    finpost::detail::accept_permits permits(context_of(rules(one)));
    std::optional held = one->try_admit();
    BOOST_TEST(!permits.take());
    const auto ticket = join(permits);
    BOOST_REQUIRE(ticket);
    BOOST_TEST(!ticket->woken());
    held.reset();
    BOOST_TEST(ticket->woken());
    permits.leave_queue(false);
    BOOST_TEST(permits.take());
}

BOOST_AUTO_TEST_CASE(nobody_queues_for_what_has_become_free) {
    finpost::detail::accept_permits permits(context_of(rules(one)));
    std::optional held = one->try_admit();
    BOOST_TEST(!permits.take());
    held.reset();
    BOOST_TEST(!join(permits));
    permits.leave_queue(false); // nothing to leave
    BOOST_TEST(permits.take());
}

BOOST_AUTO_TEST_CASE(a_client_with_a_preamble_needs_two_permits) {
    const auto count = this->count(3);
    const auto rules = rules_with_preambles(count, 1);
    finpost::detail::accept_permits permits(context_of(rules));
    BOOST_TEST(permits.take());
    const admission::permit a = permits.hand_over_connection();
    std::optional in_handshake(permits.hand_over_handshake());
    BOOST_TEST(!permits.take()); // one connection is held back for the next
    std::optional last = count->try_admit();
    BOOST_TEST(last.has_value());
    BOOST_TEST(!count->try_admit());
    const auto ticket = join(permits);
    BOOST_REQUIRE(ticket);
    last.reset();
    BOOST_TEST(!ticket->woken()); // it is the handshake that is missing
    in_handshake.reset();
    BOOST_TEST(ticket->woken());
    permits.leave_queue(false);
    BOOST_TEST(permits.take());
}

BOOST_AUTO_TEST_CASE(a_permit_for_a_handshake_that_was_not_used_is_no_permit_for_a_connection) {
    finpost::detail::accept_permits permits(context_of(rules_with_preambles(one, 5)));
    BOOST_TEST(permits.take());
    const admission::permit direct = permits.hand_over_connection();
    BOOST_TEST(!permits.take());
}

BOOST_AUTO_TEST_CASE(a_change_is_in_force_at_the_next_take) {
    const auto before = rules(one), after = rules(count(1));
    finpost::detail::accept_permits permits(context_of(before));
    BOOST_TEST(permits.take());
    permits.change(context_of(after));
    BOOST_TEST(goes_by(permits, before));
    BOOST_TEST(permits.take());
    BOOST_TEST(goes_by(permits, after));
    BOOST_TEST(one->try_admit().has_value()); // given back
    BOOST_TEST(!after->admits->try_admit());
}

BOOST_AUTO_TEST_CASE(a_client_at_hand_comes_in_by_the_new_rules) {
    const auto before = rules(one), after = rules_with_preambles(count(1), 1);
    finpost::detail::accept_permits permits(context_of(before));
    BOOST_TEST(permits.take());
    permits.change(context_of(after));
    permits.take_change();
    BOOST_TEST(goes_by(permits, after));
    const admission::permit connection = permits.hand_over_connection();
    const admission::permit handshake = permits.hand_over_handshake();
    BOOST_TEST(one->try_admit().has_value());
    BOOST_TEST(!after->admits->try_admit());
}

BOOST_AUTO_TEST_CASE(a_client_at_hand_comes_in_by_the_old_ones_where_the_new_are_full) {
    const auto full = count(1);
    const std::optional held = full->try_admit();
    const auto before = rules(one);
    for (const auto& after : {rules(full), rules_with_preambles(count(1), 0)}) {
        finpost::detail::accept_permits permits(context_of(before));
        BOOST_TEST(permits.take());
        permits.change(context_of(after));
        permits.take_change();
        BOOST_TEST(goes_by(permits, before));
        const admission::permit connection = permits.hand_over_connection();
        BOOST_TEST(!permits.take()); // the next one finds the new ones
        BOOST_TEST(goes_by(permits, after));
    }
}

BOOST_AUTO_TEST_CASE(with_the_same_count_a_client_at_hand_keeps_its_permit) {
    const auto before = rules(one), after = rules(one);
    finpost::detail::accept_permits permits(context_of(before));
    BOOST_TEST(permits.take());
    permits.change(context_of(after));
    permits.take_change();
    BOOST_TEST(goes_by(permits, after));
    BOOST_TEST(!one->try_admit());
}

BOOST_AUTO_TEST_CASE(who_waits_by_old_rules_is_woken_by_a_change) {
    const std::optional held = one->try_admit();
    const auto after = rules(count(1));
    finpost::detail::accept_permits permits(context_of(rules(one)));
    BOOST_TEST(!permits.take());
    const auto ticket = join(permits);
    BOOST_REQUIRE(ticket);
    permits.change(context_of(after));
    BOOST_TEST(ticket->woken());
    permits.leave_queue(false);
    BOOST_TEST(permits.take());
    BOOST_TEST(goes_by(permits, after));
}

BOOST_AUTO_TEST_CASE(a_change_between_the_take_and_the_wait_is_not_missed) {
    const std::optional held = one->try_admit();
    finpost::detail::accept_permits permits(context_of(rules(one)));
    BOOST_TEST(!permits.take());
    permits.change(context_of(rules(count(1))));
    const auto ticket = join(permits);
    BOOST_REQUIRE(ticket);
    BOOST_TEST(ticket->woken());
    permits.leave_queue(false);
    BOOST_TEST(permits.take());
}

BOOST_FIXTURE_TEST_CASE(who_was_woken_and_goes_by_other_rules_passes_the_wake_on, two_in_queue) {
    first.change(context_of(rules(count(1))));
    first.leave_queue(false);
    BOOST_TEST(behind->woken());
}

BOOST_FIXTURE_TEST_CASE(an_acceptor_that_closes_passes_the_wake_on, two_in_queue) {
    first.leave_queue(true); // it knows of its close before `close` has come to the permits
    BOOST_TEST(behind->woken());
}

BOOST_AUTO_TEST_CASE(a_close_wakes_who_waits_and_who_will) {
    const std::optional held = one->try_admit();
    finpost::detail::accept_permits permits(context_of(rules(one)));
    BOOST_TEST(!permits.take());
    const auto ticket = join(permits);
    BOOST_REQUIRE(ticket);
    permits.close();
    BOOST_TEST(ticket->woken());
    permits.leave_queue(false);
    const auto next = join(permits);
    BOOST_REQUIRE(next);
    BOOST_TEST(next->woken());
}

BOOST_AUTO_TEST_SUITE_END()
