// How many clients may come, how fast, and how many bytes are held for them.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(connection_limits, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_quiet_listener_holds_no_connection_back_from_the_others) {
    config.max_connections = 1;
    for (int i = 0; i < 3; ++i)
        config.listen.push_back(parse_socket_address("127.0.0.1:0").value());
    start();
    for (const std::size_t listener : {0u, 1u, 2u, 0u, 2u, 1u})
        BOOST_TEST(test::exchange(address(listener), "hello").bytes == "hello");
}

BOOST_AUTO_TEST_CASE(clients_are_accepted_no_faster_than_allowed) {
    config.accept_rate = 10;
    start();
    const auto began = std::chrono::steady_clock::now();
    const std::vector<std::string> payloads(20, "hello");
    for (const auto& got : exchange_all(address(), payloads, payloads.size()))
        BOOST_TEST(got.bytes == "hello");
    // Ten are there at once, ten more come one after the other.
    BOOST_TEST((std::chrono::steady_clock::now() - began >= 900ms));
}

// The look that finds nobody behind a client is not counted: two that come one after the other are
// there at once.
BOOST_AUTO_TEST_CASE(whoever_does_not_come_is_not_counted_against_the_rate) {
    config.accept_rate = 2;
    start();
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 2; ++i) BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST((std::chrono::steady_clock::now() - began <
                450ms)); // else the second waits for half a second
}

BOOST_AUTO_TEST_CASE(reading_pauses_while_the_buffers_are_full) {
    config.max_payload = config.max_buffered = 1 << 20;
    service.max_reply = 1 << 20;
    // A short answer: the first payload is held while the reply is made, and both count.
    upstream.by_default(scripted_upstream::held(scripted_upstream::raw(response(200, "done"))));
    start();
    const std::string payload = some_bytes(700'000);
    auto first = std::async(std::launch::async, [&] { return exchange(payload).bytes; });
    BOOST_TEST(upstream.wait_for_requests(1));
    auto second = std::async(std::launch::async, [&] { return exchange(payload).bytes; });
    BOOST_TEST(log.wait_for("accepted", 2));
    BOOST_TEST(!upstream.wait_for_requests(2, 300ms)); // it has no room to be complete
    BOOST_TEST(counters.buffered_bytes.value() <= static_cast<std::int64_t>(config.max_buffered));
    upstream.open_gate();
    BOOST_TEST(first.get() == "done");
    BOOST_TEST(second.get() == "done");
    BOOST_TEST((upstream.requests().at(1).body == payload));
}

BOOST_AUTO_TEST_CASE(everybody_finishes_although_the_buffers_hold_only_a_few) {
    config.max_payload = 100'000;
    config.max_buffered = 2'000'000; // twenty payloads in flight need more than twice as much
    start();
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < 200; ++i) payloads.push_back(some_bytes(90'000, i));
    const auto got = exchange_all(address(), payloads, 20);
    for (std::size_t i = 0; i < payloads.size(); ++i) BOOST_TEST((got[i].bytes == payloads[i]));
    BOOST_TEST(upstream.count() == payloads.size());
}

// Each held a part, and waited for the rest, which the others held.
BOOST_AUTO_TEST_CASE(replies_that_fill_the_buffers_together_all_come) {
    config.spill_above = 0;
    config.max_buffered = 16 << 20;
    const std::string body = some_bytes(3 << 20);
    upstream.by_default([&](scripted_upstream::conversation& talk) {
        talk.read_body();
        talk.wait_for_gate(); // all of them at the same time
        talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (std::size_t at = 0; at < body.size(); at += 64 << 10)
            talk.send("10000\r\n" + body.substr(at, 64 << 10) + "\r\n");
        talk.send("0\r\n\r\n");
    });
    start();
    const std::vector<std::string> payloads(12, "a question");
    auto replies =
        std::async(std::launch::async, [&] { return exchange_all(address(), payloads, 12); });
    BOOST_TEST(upstream.wait_for_requests(12));
    upstream.open_gate();
    for (const auto& got : replies.get()) BOOST_TEST((got.bytes == body));
}

BOOST_AUTO_TEST_CASE(whoever_finds_no_room_in_time_is_refused) {
    config.max_payload = config.max_buffered = 1 << 20;
    config.spill_above = 0; // off: there is no other place
    config.receive_idle = 1s;
    upstream.by_default(scripted_upstream::held(scripted_upstream::raw(response(200, "done"))));
    start();
    const std::string payload = some_bytes(900'000);
    auto first = std::async(std::launch::async, [&] { return exchange(payload).bytes; });
    BOOST_TEST(upstream.wait_for_requests(1));
    expect_refusal(exchange(payload), reason::busy);
    upstream.open_gate();
    BOOST_TEST(first.get() == "done");
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(whoever_finds_no_room_in_time_goes_to_a_file_where_there_are_files) {
    config.max_payload = config.max_buffered = 1 << 20;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    const std::string payload = some_bytes(900'000);
    auto first = std::async(std::launch::async, [&] { return exchange(payload).bytes; });
    BOOST_TEST(upstream.wait_for_requests(1));
    auto second = std::async(std::launch::async, [&] { return exchange(payload).bytes; });
    BOOST_TEST(upstream.wait_for_requests(2)); // the first holds all the memory there is
    upstream.open_gate();
    BOOST_TEST((first.get() == payload));
    BOOST_TEST((second.get() == payload));
}

BOOST_AUTO_TEST_SUITE_END()
