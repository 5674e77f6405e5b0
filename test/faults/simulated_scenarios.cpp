// Scenarios of the simulated kernel (test/sim/scenarios.cpp) that have no test of their own over
// real sockets elsewhere, under the same names: what the client got, how that ended and how often
// the service was asked must be the same here.
#include "support/gateway_fixture.hpp"
#include "support/tls_gateway.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <future>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using conversation = scripted_upstream::conversation;

namespace {

enum class framing { sized, chunked, until_close };

std::string framed(framing how, std::string_view body) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    if (how == framing::sized) return response(200, body);
    if (how == framing::until_close) return ok + "\r\n" + std::string(body);
    std::string out = ok + "Transfer-Encoding: chunked\r\n\r\n";
    char size[20];
    for (std::size_t at = 0, piece = 7; at < body.size();
         piece = piece * 3 % 5'003 + 1) { // of all sizes
        const std::string_view data = body.substr(at, piece);
        std::snprintf(size, sizeof size, "%zx\r\n", data.size());
        out += size + std::string(data) + "\r\n";
        at += data.size();
    }
    return out + "0\r\n\r\n";
}

// A reply that was cut: a refusal, or a reset behind a part of it at the most.
void expect_none(const raw_client::received& got, std::string_view reply) {
    if (got.how == raw_client::ending::fin)
        BOOST_TEST(refusal_reason(got.bytes) == "upstream_incomplete");
    else
        BOOST_TEST((got.how == raw_client::ending::reset && reply.starts_with(got.bytes)));
}

// What `client_hello` says, with an extension that nobody knows and that has `more` bytes.
std::string larger(std::string hello, std::size_t more) {
    const auto number = [&](std::size_t at, std::size_t bytes) {
        std::size_t out = 0;
        for (std::size_t i = 0; i < bytes; ++i)
            out = out << 8 | static_cast<unsigned char>(hello.at(at + i));
        return out;
    };
    const auto add = [&](std::size_t at, std::size_t bytes, std::size_t what) {
        what += number(at, bytes);
        for (std::size_t i = bytes; i-- > 0; what >>= 8)
            hello.at(at + i) = static_cast<char>(what & 0xff);
    };
    std::size_t at = 5 + 4 + 2 + 32;             // record, handshake, version, random
    for (const std::size_t bytes : {1u, 2u, 1u}) // session, ciphers, compressions
        at += bytes + number(at, bytes);
    std::string extension("\xfa\xce\0\0", 4);
    extension[2] = static_cast<char>(more >> 8), extension[3] = static_cast<char>(more & 0xff);
    hello.insert(at + 2, extension + std::string(more, 'x'));
    for (const auto& [where, bytes] :
         {std::pair{std::size_t{3}, 2u}, {std::size_t{6}, 3u}, {at, 2u}})
        add(where, bytes, 4 + more);
    return hello;
}

} // namespace

BOOST_AUTO_TEST_SUITE(simulated_scenarios)

BOOST_FIXTURE_TEST_CASE(a_reset_at_every_byte_of_a_payload, gateway_fixture) {
    start();
    std::size_t n = 0;
    for (std::size_t at = 1; at <= 60; ++at)
        for (const bool waits : {false, true}) {
            raw_client client = connect();
            client.send(std::string(at, 'A'));
            if (waits) BOOST_TEST(wait_for_bytes_in(1));
            client.reset();
            BOOST_TEST(access_line(++n).at("reason") == "aborted_read");
        }
    BOOST_TEST(counters.aborted.value() == n);
    BOOST_TEST(upstream.count() == 0u);
}

// A stream as well: its request has begun, and never becomes complete.
BOOST_FIXTURE_TEST_CASE(a_reset_behind_the_threshold_of_streams, gateway_fixture) {
    config.stream_above = 64 << 10;
    start();
    std::size_t n = 0;
    for (std::size_t at = 1; at <= 100'000; at += 3'331) {
        raw_client client = connect();
        client.send(std::string(at, 'A'));
        client.reset();
        BOOST_TEST(access_line(++n).at("outcome") == "aborted");
    }
    BOOST_TEST(until([&] {
        const auto seen = upstream.requests();
        return std::all_of(seen.begin(), seen.end(), [](const auto& one) { return one.cut; });
    }));
    BOOST_TEST(upstream.complete() == 0u);
}

BOOST_AUTO_TEST_CASE(a_response_that_is_cut_at_every_byte) {
    const std::string reply = some_bytes(100);
    for (const framing how : {framing::sized, framing::chunked, framing::until_close})
        for (const bool by_reset : {false, true})
            for (const bool streams : {false, true}) {
                gateway_fixture one;
                if (streams) one.config.stream_above = 50;
                const std::string whole = framed(how, reply);
                // Where it ends with the connection, a FIN behind its head is the end.
                const std::size_t last =
                    how == framing::until_close && !by_reset ? 19 : whole.size();
                std::atomic<std::size_t> at{0};
                one.upstream.by_default([&](conversation& talk) {
                    talk.read_body();
                    talk.send(std::string_view(whole).substr(0, at));
                    if (by_reset) talk.reset();
                    talk.finish();
                });
                one.start();
                for (; at < last; ++at)
                    BOOST_TEST_CONTEXT("framing " << static_cast<int>(how) << ", cut at " << at
                                                  << (by_reset ? " by a reset" : "")
                                                  << (streams ? ", streams" : ""))
                expect_none(one.exchange(some_bytes(200)), reply);
                BOOST_TEST(one.upstream.count() == last); // each once
                one.teardown();
            }
}

BOOST_AUTO_TEST_CASE(a_response_that_is_cut_while_it_waits_for_memory) {
    const std::string payload = some_bytes(140'000), unlucky = "!" + payload;
    for (const framing how : {framing::sized, framing::chunked})
        for (const std::size_t at : {1'000u, 139'000u}) {
            gateway_fixture one;
            one.config.max_payload = 256 << 10;
            one.config.max_buffered = 280 << 10;
            one.config.spill_above = 0; // there is no other place
            one.config.receive_idle = 2s;
            one.service.total = 2s;
            one.upstream.by_default([&](conversation& talk) {
                talk.read_body();
                const bool cut = talk.request().body[0] == '!';
                const std::string all = framed(how, talk.request().body);
                talk.send(cut ? all.substr(0, at) : all);
                if (cut) talk.finish();
            });
            one.start();
            const auto got = exchange_all(one.address(), {payload, unlucky, payload}, 3);
            for (const auto& each : {got.at(0), got.at(2)})
                if (each.bytes != payload) BOOST_TEST(refusal_reason(each.bytes) != "");
            BOOST_TEST(refusal_reason(got.at(1).bytes) != "");
            for (const auto& each : got) BOOST_TEST((each.how == raw_client::ending::fin));
            BOOST_TEST(one.upstream.count() <= 3u);
            one.upstream.by_default(scripted_upstream::echo());
            BOOST_TEST((one.exchange(payload).bytes == payload)); // it is all free again
            one.teardown();
        }
}

BOOST_FIXTURE_TEST_CASE(a_budget_full_of_stalled_uploads, gateway_fixture) {
    config.max_payload = 256 << 10;
    config.max_buffered = 300 << 10;
    config.spill_above = 0;
    config.receive_idle = 1s; // a stalled one gives back what it holds
    start();
    std::vector<raw_client> stalled;
    for (int i = 0; i < 11; ++i) {
        stalled.push_back(connect());
        stalled.back().send_some(std::string(90'000, 'x'), 100ms);
    }
    // All of them are there, and those who have no room wait for it.
    BOOST_TEST(
        until([&] { return sessions() == 11u && counters.buffered_bytes.value() > 200 << 10; }));
    for (int i = 0; i < 3; ++i) {
        const auto got = exchange(some_bytes(500));
        BOOST_TEST((got.bytes == some_bytes(500) && got.how == raw_client::ending::fin));
    }
    BOOST_TEST(upstream.count() == 3u);
    BOOST_TEST(counters.buffered_bytes.value() <= 300 << 10);
}

// A record of which the kernel cannot hold more than a part: it is taken piece by piece, and nobody
// waits for the rest.
BOOST_FIXTURE_TEST_CASE(a_first_record_that_does_not_fit, tls_gateway) {
    if (!ready()) return;
    config.tls_handshake = 60s;
    start();
    // The gateway's own socket is found by its port; who is accepted has its buffer.
    const std::string own = to_string(address());
    for (int fd = 3, listens = 0; fd < 1'024; ++fd, listens = 0) {
        sockaddr_storage name{};
        socklen_t size = sizeof listens, length = sizeof name;
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0)
            continue;
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length);
        const int small = 1;
        if (to_string(socket_address(reinterpret_cast<sockaddr*>(&name), length)) == own)
            BOOST_REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    }
    const std::string hello = larger(client_hello(client()), 12'000);
    for (const std::size_t piece : {hello.size(), std::size_t{500}}) {
        raw_client one = connect();
        auto answered = std::async(std::launch::async, [&one] { return one.read_at_least(6); });
        for (std::size_t at = 0; at < hello.size(); at += piece) one.send(hello.substr(at, piece));
        const std::string answer = answered.get();
        BOOST_REQUIRE(answer.size() >= 6u);
        BOOST_TEST((answer[0] == 22 && answer[5] == 2), "no ServerHello");
        one.reset();
    }
}

BOOST_AUTO_TEST_SUITE_END()
