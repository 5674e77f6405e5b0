// Drain lets exchanges in flight finish; stop does not.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(stopping, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_drain_with_nothing_to_do_is_done) {
    start();
    BOOST_TEST(accepting());
    auto drained = drain(10s);
    BOOST_TEST(completes(drained));
    BOOST_TEST(!accepting());
}

BOOST_AUTO_TEST_CASE(exchanges_in_flight_finish_and_nobody_new_comes_in) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<raw_client> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(connect());
        clients.back().send("client " + std::to_string(i)).half_close();
    }
    BOOST_TEST(upstream.wait_for_requests(5));
    const socket_address door = address();
    auto drained = drain(20s);
    BOOST_TEST((drained.wait_for(200ms) == std::future_status::timeout));
    BOOST_CHECK_THROW(raw_client{door}, std::system_error);
    upstream.open_gate();
    for (std::size_t i = 0; i < clients.size(); ++i)
        BOOST_TEST(clients[i].read_to_end().bytes == "client " + std::to_string(i));
    BOOST_TEST(completes(drained));
    BOOST_TEST(sessions() == 0u);
    BOOST_TEST(counters.replied.value() == 5u);
}

BOOST_AUTO_TEST_CASE(a_payload_that_is_under_way_may_still_end) {
    start();
    auto held = hold_threads();
    raw_client client = connect();
    client.send("first half, ");
    held.reset();
    BOOST_TEST(log.wait_for("accepted"));
    auto drained = drain(20s);
    BOOST_TEST((drained.wait_for(200ms) == std::future_status::timeout));
    client.send("second half").half_close();
    BOOST_TEST(client.read_to_end().bytes == "first half, second half");
    BOOST_TEST(completes(drained));
}

BOOST_AUTO_TEST_CASE(a_connection_without_a_byte_is_ended_at_once) {
    start();
    raw_client client = connect();
    BOOST_TEST(log.wait_for("accepted"));
    auto drained = drain(60s);
    expect_refusal(client.read_to_end(), reason::draining);
    client.close();
    BOOST_TEST(completes(drained));
    BOOST_TEST(counters.cut.value() == 0u); // nothing was in flight
}

BOOST_AUTO_TEST_CASE(what_is_not_done_when_the_grace_is_over_is_refused) {
    upstream.by_default(scripted_upstream::never());
    start();
    raw_client client = connect();
    client.send("slow").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    auto drained = drain(200ms);
    // Not `draining`: the request is out, and nobody knows whether the service did its work.
    expect_refusal(client.read_to_end(), reason::upstream_incomplete);
    BOOST_TEST(completes(drained));
    BOOST_TEST(refused(reason::draining) == 0u);
    BOOST_TEST(counters.cut.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stop_cuts_every_stage) {
    upstream.on(1, scripted_upstream::never());
    upstream.on(2, scripted_upstream::raw(response(200, some_bytes(15'000'000))));
    start();
    raw_client handled = connect(), sending = connect(), unread = connect();
    handled.send("waits for the upstream").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    unread.send("never reads its reply").half_close();
    BOOST_TEST(upstream.wait_for_requests(2));
    sending.send("has not ended");
    BOOST_TEST(log.wait_for("accepted", 3));
    unread.read_at_least(1); // the reply is being written
    BOOST_TEST(wait_for_bytes_in(3));
    stop_gateway();
    expect_refusal(handled.read_to_end(), reason::upstream_incomplete);
    BOOST_TEST(refusal_reason(sending.read_to_end().bytes) == "draining");
    BOOST_TEST((unread.read_to_end().how == raw_client::ending::reset));
    auto drained = drain(0ms);
    BOOST_TEST(completes(drained));
    BOOST_TEST(counters.aborted.value() == 1u);
    BOOST_TEST(counters.cut.value() == 3u);
}

BOOST_AUTO_TEST_CASE(a_stop_cuts_the_grace_short) {
    upstream.by_default(scripted_upstream::never());
    start();
    raw_client client = connect();
    client.send("slow").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    auto drained = drain(1h);
    BOOST_TEST((drained.wait_for(100ms) == std::future_status::timeout));
    stop_gateway();
    BOOST_TEST(completes(drained));
    expect_refusal(client.read_to_end(), reason::upstream_incomplete);
}

BOOST_AUTO_TEST_CASE(two_drains_at_once_both_end) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    raw_client client = connect();
    client.send("x").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    auto one = drain(20s);
    auto two = drain(20s);
    upstream.open_gate();
    BOOST_TEST(client.read_to_end().bytes == "x");
    BOOST_TEST(completes(one));
    BOOST_TEST(completes(two));
}

BOOST_AUTO_TEST_CASE(a_stop_wakes_whoever_waits_for_room_or_for_an_upstream_connection) {
    service.max_connections = 1;
    service.connect = 60s;
    service.total = 60s;
    config.max_payload = config.max_buffered = 1 << 20;
    upstream.by_default(scripted_upstream::never());
    start();
    raw_client busy = connect(), waiting = connect(), without_room = connect();
    busy.send(some_bytes(400'000)).half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    waiting.send("x").half_close();
    without_room.send_some(some_bytes(1'000'000), 200ms);
    BOOST_TEST(log.wait_for("accepted", 3));
    stop_gateway();
    BOOST_TEST(refusal_reason(busy.read_to_end().bytes) == "upstream_incomplete");
    BOOST_TEST(refusal_reason(without_room.read_to_end().bytes) == "draining");
    // It may be stopped just when it has got the connection that the first one gave up.
    const std::string why = refusal_reason(waiting.read_to_end().bytes);
    BOOST_TEST((why == "draining" || (why == "upstream_incomplete" && upstream.wait_for_heads(2))));
}

BOOST_AUTO_TEST_SUITE_END()
