// Connections to the upstream: kept, reused, bounded, and never a reason for a second POST but one.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(keep_alive, gateway_fixture)

BOOST_AUTO_TEST_CASE(one_connection_carries_many_exchanges) {
    start();
    for (int i = 0; i < 10; ++i) BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(upstream.connections() == 1u);
    BOOST_TEST(counters.upstream_idle.value() == 1);
    BOOST_TEST(counters.upstream_busy.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_connection_the_upstream_wants_closed_is_not_used_again) {
    upstream.by_default(scripted_upstream::raw(response(200, "x", "Connection: close\r\n")));
    start();
    for (int i = 0; i < 3; ++i) BOOST_TEST(exchange("hello").bytes == "x");
    BOOST_TEST(upstream.connections() == 3u);
    BOOST_TEST(counters.upstream_idle.value() == 0);
}

BOOST_AUTO_TEST_CASE(bytes_behind_an_answer_spoil_the_connection) {
    upstream.on(1, scripted_upstream::raw(response(200, "mine") + response(200, "smuggled")));
    start();
    BOOST_TEST(exchange("one").bytes == "mine");
    BOOST_TEST(exchange("two").bytes == "two");
    BOOST_TEST(upstream.connections() == 2u);
}

BOOST_AUTO_TEST_CASE(a_connection_closed_while_idle_costs_nothing) {
    start();
    BOOST_TEST(exchange("one").bytes == "one");
    BOOST_TEST(upstream.close_idle());
    BOOST_TEST(exchange("two").bytes == "two");
    BOOST_TEST(upstream.count() == 2u);
    BOOST_TEST(upstream.connections() == 2u);
    BOOST_TEST(counters.upstream_retries.value() == 0u);
}

BOOST_AUTO_TEST_CASE(a_request_lost_on_a_kept_connection_is_sent_again_with_the_same_key) {
    upstream.on(2, scripted_upstream::raw_then_fin(""));
    upstream.on(4, scripted_upstream::raw_then_reset(""));
    start();
    for (const std::string payload : {"one", "two", "three"})
        BOOST_TEST(exchange(payload).bytes == payload);
    const auto seen = upstream.requests();
    BOOST_REQUIRE(seen.size() == 5u);
    for (const std::size_t lost : {1u, 3u}) {
        BOOST_TEST(seen[lost].body == seen[lost + 1].body);
        BOOST_TEST(seen[lost].field("Idempotency-Key") == seen[lost + 1].field("Idempotency-Key"));
        BOOST_TEST(seen[lost].connection != seen[lost + 1].connection);
    }
    BOOST_TEST(counters.upstream_retries.value() == 2u);
    BOOST_TEST(counters.replied.value() == 3u);
}

BOOST_AUTO_TEST_CASE(a_request_is_sent_again_once_at_the_most) {
    upstream.on(2, scripted_upstream::raw_then_fin(""));
    upstream.on(3, scripted_upstream::raw_then_fin(""));
    start();
    BOOST_TEST(exchange("one").bytes == "one");
    expect_refusal(exchange("two"), reason::upstream_incomplete);
    BOOST_TEST(upstream.count() == 3u);
}

// A service that had waited for a request long enough, just as one went out (RFC 9110 §15.5.9).
BOOST_AUTO_TEST_CASE(a_408_on_a_kept_connection_has_the_request_sent_again_with_the_same_key) {
    const std::string late =
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
    upstream.on(2, scripted_upstream::raw_then_fin(late + "late"));
    upstream.on(4, [&](scripted_upstream::conversation& talk) {
        talk.read_body();
        for (const char one : late) talk.send({&one, 1}); // the payload is not given away meanwhile
        talk.finish();                                    // its body is nobody's
    });
    start();
    const std::string large = some_bytes(300'000);
    for (const std::string& payload : {std::string("one"), std::string("two"), large})
        BOOST_TEST((exchange(payload).bytes == payload));
    const auto seen = upstream.requests();
    BOOST_REQUIRE(seen.size() == 5u);
    for (const std::size_t lost : {1u, 3u}) {
        BOOST_TEST((seen[lost].body == seen[lost + 1].body));
        BOOST_TEST(seen[lost].field("Idempotency-Key") == seen[lost + 1].field("Idempotency-Key"));
        BOOST_TEST(seen[lost].connection != seen[lost + 1].connection);
    }
    BOOST_TEST(counters.upstream_retries.value() == 2u);
    BOOST_TEST(counters.replied.value() == 3u);
    BOOST_TEST(log.count("upstream response refused") == 0u);
}

BOOST_AUTO_TEST_CASE(a_408_is_an_answer_on_a_new_connection_and_to_a_second_attempt) {
    const std::string late =
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    upstream.on(1, scripted_upstream::raw_then_fin(late));
    upstream.on(3, scripted_upstream::raw_then_fin(late)); // on the connection of the second
    upstream.on(4, scripted_upstream::raw_then_fin(late));
    upstream.on(6, scripted_upstream::raw_then_fin("")); // one resend, whichever the cause
    upstream.on(7, scripted_upstream::raw_then_fin(late));
    start();
    expect_refusal(exchange("new"), reason::upstream_status);
    BOOST_TEST(exchange("fine").bytes == "fine");
    expect_refusal(exchange("twice"), reason::upstream_status);
    BOOST_TEST(exchange("fine").bytes == "fine");
    expect_refusal(exchange("both"), reason::upstream_status);
    BOOST_TEST(upstream.count() == 7u);
    BOOST_TEST(counters.upstream_retries.value() == 2u);
}

// What a sloppy service writes behind a body comes when the next request is out already.
BOOST_AUTO_TEST_CASE(a_line_end_in_front_of_a_response_is_passed_over_on_a_kept_connection) {
    upstream.on(2, scripted_upstream::raw("\r\n" + response(200, "two")));
    upstream.on(4, scripted_upstream::raw_then_fin("\r\n")); // and the connection was closing
    start();
    BOOST_TEST(exchange("one").bytes == "one");
    BOOST_TEST(exchange("two").bytes == "two");
    BOOST_TEST(exchange("three").bytes == "three"); // on a new connection
    BOOST_TEST(exchange("four").bytes == "four");
    const auto seen = upstream.requests();
    BOOST_REQUIRE(seen.size() == 5u);
    BOOST_TEST(seen[1].connection == 1u);
    BOOST_TEST(seen[2].connection == 2u);
    BOOST_TEST(seen[3].connection == 2u);
    BOOST_TEST(seen[4].connection == 3u);
    BOOST_TEST(seen[3].body == seen[4].body);
}

BOOST_AUTO_TEST_CASE(a_line_end_behind_a_response_is_no_answer_to_the_next_client) {
    upstream.on(1, scripted_upstream::raw(response(200, "one") + "\r\n"));
    start();
    BOOST_TEST(exchange("one").bytes == "one");
    BOOST_TEST(exchange("two").bytes == "two");
}

BOOST_AUTO_TEST_CASE(the_second_attempt_never_uses_another_kept_connection) {
    upstream.on(1, scripted_upstream::held(scripted_upstream::echo()));
    upstream.on(2, scripted_upstream::held(scripted_upstream::echo()));
    upstream.on(3, scripted_upstream::raw_then_fin(""));
    start();
    auto first = std::async(std::launch::async, [&] { return exchange("1").bytes; });
    auto second = std::async(std::launch::async, [&] { return exchange("2").bytes; });
    BOOST_TEST(upstream.wait_for_requests(2));
    upstream.open_gate();
    BOOST_TEST(first.get() == "1");
    BOOST_TEST(second.get() == "2");
    BOOST_TEST(exchange("3").bytes == "3");
    BOOST_TEST(upstream.requests().at(3).connection == 3u);
}

BOOST_AUTO_TEST_CASE(a_request_that_may_have_been_seen_is_never_sent_again) {
    upstream.on(2, scripted_upstream::raw_then_fin("H")); // one byte of an answer
    upstream.on(4, scripted_upstream::raw_then_reset("HTTP/1.1 200 OK\r\n"
                                                     "Content-Length: 9\r\n\r\n"));
    upstream.on(6, scripted_upstream::never());
    service.total = 1s;
    start();
    for (int i = 0; i < 2; ++i) {
        BOOST_TEST(exchange("fine").bytes == "fine");
        expect_refusal(exchange("x"), reason::upstream_incomplete);
    }
    BOOST_TEST(exchange("fine").bytes == "fine");
    expect_refusal(exchange("x"), reason::upstream_timeout);
    BOOST_TEST(upstream.count() == 6u);
    BOOST_TEST(counters.upstream_retries.value() == 0u);
}

BOOST_AUTO_TEST_CASE(idle_connections_are_closed_in_time) {
    service.keep_alive = 200ms;
    start();
    BOOST_TEST(exchange("one").bytes == "one");
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST(exchange("two").bytes == "two");
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST(upstream.connections() == 2u);
}

BOOST_AUTO_TEST_CASE(the_upstream_sees_no_more_connections_than_allowed) {
    service.max_connections = 3;
    service.connect = 15s;
    start();
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < 60; ++i) payloads.push_back(some_bytes(100 + i, i));
    const auto got = exchange_all(address(), payloads, 30);
    for (std::size_t i = 0; i < payloads.size(); ++i) BOOST_TEST((got[i].bytes == payloads[i]));
    BOOST_TEST(upstream.connections() <= 3u);
    BOOST_TEST(upstream.count() == payloads.size());
}

BOOST_AUTO_TEST_CASE(waiting_for_a_connection_has_an_end) {
    service.max_connections = 1;
    service.connect = 300ms;
    upstream.on(1, scripted_upstream::held(scripted_upstream::echo()));
    start();
    auto first = std::async(std::launch::async, [&] { return exchange("first").bytes; });
    BOOST_TEST(upstream.wait_for_requests(1));
    expect_refusal(exchange("second"), reason::busy);
    BOOST_TEST(access_line().number("upstream_ms") >= 290);
    upstream.open_gate();
    BOOST_TEST(first.get() == "first");
    BOOST_TEST(exchange("third").bytes == "third");
    BOOST_TEST(upstream.connections() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
