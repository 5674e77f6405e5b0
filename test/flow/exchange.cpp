// The main job: a payload goes in, one POST goes out, the answer comes back.
#include "support/gateway_fixture.hpp"
#include "support/skipping.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <future>
#include <random>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

using namespace finpost;
using namespace finpost::test;

namespace {

// Every send is a segment of its own.
void send_at_once(raw_client& client) {
    const int on = 1;
    ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(exchange, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_payload_of_any_size_comes_back_whole) {
    start();
    std::size_t n = 0;
    for (const std::size_t size : {1u, 4095u, 4096u, 4097u, 65'536u, 5'000'000u}) {
        BOOST_TEST_CONTEXT(size << " bytes") {
            const std::string payload = some_bytes(size);
            const auto got = exchange(payload);
            BOOST_TEST((got.how == raw_client::ending::fin));
            BOOST_TEST((got.bytes == payload));
            BOOST_REQUIRE(upstream.complete() == ++n);
            BOOST_TEST((upstream.requests().back().body == payload));
        }
    }
    BOOST_TEST(counters.replied.value() == n);
    BOOST_TEST(upstream.count() == n);
}

BOOST_AUTO_TEST_CASE(a_connection_without_a_byte_is_closed_silently_and_asks_nobody) {
    start();
    const auto got = exchange("");
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
    connect().reset();
    BOOST_TEST(log.wait_for("probe", 2));
    BOOST_TEST(counters.probes.value() == 2u);
    BOOST_TEST(upstream.connections() == 0u);
    BOOST_TEST(log.count("exchange") == 0u);
    BOOST_TEST((log.of("probe").at(0).level == log_level::debug));
}

BOOST_AUTO_TEST_CASE(a_payload_in_segments_of_one_byte) {
    start();
    const std::string payload = some_bytes(500);
    raw_client client = connect();
    send_at_once(client);
    for (const char& byte : payload) client.send({&byte, 1});
    client.half_close();
    BOOST_TEST((client.read_to_end().bytes == payload));
    BOOST_TEST((upstream.requests().at(0).body == payload));
}

BOOST_AUTO_TEST_CASE(a_payload_in_segments_of_any_size) {
    start();
    std::mt19937 random(42);
    for (unsigned round = 0; round < 20; ++round) {
        const std::string payload = some_bytes(1 + random() % 200'000, round);
        raw_client client = connect();
        send_at_once(client);
        std::string_view rest = payload;
        while (!rest.empty()) {
            const std::size_t n = std::min<std::size_t>(1 + random() % 20'000, rest.size());
            client.send(rest.substr(0, n));
            rest.remove_prefix(n);
        }
        client.half_close();
        BOOST_TEST((client.read_to_end().bytes == payload));
    }
    BOOST_TEST(upstream.complete() == 20u);
}

BOOST_AUTO_TEST_CASE(data_and_fin_in_one_segment) {
    start();
    for (unsigned round = 0; round < 50; ++round) {
        const std::string payload = some_bytes(1 + round, round);
        const auto got = connect().send_with_fin(payload).read_to_end();
        BOOST_TEST((got.bytes == payload));
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
    BOOST_TEST(upstream.complete() == 50u);
}

BOOST_AUTO_TEST_CASE(a_payload_that_fills_its_buffer_exactly_needs_no_larger_one) {
    std::int64_t held = 0;
    start([&](request) -> boost::asio::awaitable<reply> {
        held = counters.buffered_bytes.value();
        co_return reply(payload("done"));
    });
    const std::string data = some_bytes(64 << 10, 1);
    BOOST_TEST(exchange(data).bytes == "done");
    BOOST_TEST(held == static_cast<std::int64_t>(data.size()));
}

BOOST_AUTO_TEST_CASE(a_payload_that_is_being_answered_is_held_no_longer) {
    upstream.by_default([](scripted_upstream::conversation& peer) {
        peer.read_body();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe");
        peer.wait_for_gate();
        peer.send("re");
    });
    start();
    const std::string data = some_bytes(1'000'000);
    auto got = std::async(std::launch::async, [&] { return exchange(data); });
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(until([&] { return counters.buffered_bytes.value() < 10'000; }));
    upstream.open_gate();
    BOOST_TEST(got.get().bytes == "here");
}

BOOST_AUTO_TEST_CASE(two_hundred_clients_at_once_get_each_its_own_answer) {
    constexpr std::size_t clients = 200;
    threads = 4;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < clients; ++i) payloads.push_back(some_bytes(1 + 37 * i, i));
    auto replies =
        std::async(std::launch::async, [&] { return exchange_all(address(), payloads, clients); });
    BOOST_TEST(upstream.wait_for_requests(clients)); // all are in flight together
    BOOST_TEST(sessions() == clients);
    upstream.open_gate();
    const auto got = replies.get();
    for (std::size_t i = 0; i < clients; ++i) BOOST_TEST((got[i].bytes == payloads[i]));
    BOOST_TEST(upstream.count() == clients);
    BOOST_TEST(counters.replied.value() == clients);
}

BOOST_AUTO_TEST_CASE(several_listeners_ipv4_and_ipv6) {
    try {
        const raw_client unused(parse_socket_address("[::1]:1").value());
    } catch (const std::system_error& failed) {
        const bool ipv6 = failed.code() == std::errc::connection_refused;
        if (!can_run(ipv6, "there is no IPv6 on this machine's loopback")) return;
    }
    for (const std::string_view text : {"127.0.0.1:0", "[::1]:0", "127.0.0.1:0"})
        config.listen.push_back(parse_socket_address(text).value());
    start();
    for (std::size_t i = 0; i < 3; ++i) {
        raw_client client(address(i));
        const std::string from = to_string(client.local());
        client.send("hello").half_close();
        BOOST_TEST(client.read_to_end().bytes == "hello");
        const auto seen = upstream.requests().at(i);
        BOOST_TEST(seen.field("Forwarded") ==
                   "for=\"" + from + "\";by=\"" + to_string(address(i)) + "\";proto=tcp");
    }
    BOOST_TEST(address(0).port() != address(2).port());
    BOOST_TEST(address(1).is_v6());
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_named) {
    const refusing_port taken;
    config.listen = {parse_socket_address("127.0.0.1:0").value(), taken.address()};
    BOOST_CHECK_EXCEPTION(start(), boost::system::system_error, [&](const auto& failed) {
        return std::string(failed.what()).find(to_string(taken.address())) != std::string::npos;
    });
}

BOOST_AUTO_TEST_SUITE_END()
