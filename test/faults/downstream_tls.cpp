// Row D19, and D22 for names in certificates: TLS clients that stall, cut, or never spoke TLS.
#include "support/tls_gateway.hpp"

#include <boost/test/unit_test.hpp>

#include <malloc.h>

#include <string>
#include <vector>

#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = tls_client::ending;

namespace {

struct fixture : tls_gateway {
    // What the log says of the n-th handshake that failed.
    std::string failed(std::size_t n = 1) {
        BOOST_REQUIRE(log.wait_for("handshake failed", n));
        BOOST_TEST(log.of("handshake failed").at(n - 1).at("reason") == "tls_handshake");
        return log.of("handshake failed").at(n - 1).at("what");
    }
    // A fatal alert as it stands on the wire before anything is encrypted.
    static std::string alert(char what, char minor = 3) {
        return std::string("\x15\x03") + minor + std::string("\0\2\2", 3) + what;
    }
    // Another client gets its answer.
    void expect_served() { BOOST_TEST(secure_exchange("fine").bytes == "fine"); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(downstream_tls, fixture)

BOOST_AUTO_TEST_CASE(D19_a_handshake_that_stalls_ends_with_its_deadline) {
    if (!ready()) return;
    config.tls_handshake = 300ms;
    start();
    raw_client stalled = connect();
    stalled.send(std::string("\x16\x03\x01\x02\x00\x01", 6));
    expect_served();
    const auto began = std::chrono::steady_clock::now();
    const auto got = stalled.read_to_end();
    BOOST_TEST(got.bytes == alert(40));
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST((std::chrono::steady_clock::now() - began < 5s));
    BOOST_TEST(failed() == "it took too long");
    BOOST_TEST(refused(reason::tls_handshake) == 1u);
}

// Nobody knows whether it would understand a line.
BOOST_AUTO_TEST_CASE(D19_one_that_says_nothing_until_the_deadline_is_reset) {
    if (!ready()) return;
    config.tls_handshake = 200ms;
    start();
    raw_client silent = connect();
    const auto got = silent.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(failed() == "it took too long");
    BOOST_TEST(access_line().at("reason") == "tls_handshake");
    BOOST_TEST(counters.probes.value() == 0u);
    expect_served();
}

BOOST_AUTO_TEST_CASE(D19_one_that_goes_before_it_has_said_anything_is_a_probe) {
    if (!ready()) return;
    start();
    raw_client silent = connect();
    BOOST_TEST(log.wait_for("accepted"));
    silent.half_close();
    BOOST_TEST((silent.read_to_end().how == raw_client::ending::fin));
    BOOST_TEST(until_probes(1));
    BOOST_TEST(log.count("handshake failed") == 0u);
}

BOOST_AUTO_TEST_CASE(D19_a_client_hello_in_pieces_is_waited_for_and_then_taken) {
    if (!ready()) return;
    start();
    const std::string hello = client_hello(client());
    for (const std::size_t at :
         {std::size_t{1}, std::size_t{4}, std::size_t{5}, std::size_t{6}, hello.size() - 1}) {
        raw_client one = connect();
        one.send(hello.substr(0, at));
        BOOST_TEST(until([this] { return sessions() == 1u; }));
        one.send(hello.substr(at));
        const std::string answer = one.read_at_least(6);
        BOOST_REQUIRE(answer.size() >= 6u);
        BOOST_TEST((answer[0] == 22 && answer[5] == 2), "no ServerHello: " << at);
        one.reset();
        BOOST_TEST(until([this] { return sessions() == 0u; }));
    }
}

BOOST_AUTO_TEST_CASE(D19_nothing_is_spent_on_part_of_a_client_hello) {
    if (!ready()) return;
    config.tls_handshake = 60s;
    start();
    const std::string hello = client_hello(client());
    std::vector<raw_client> stalled;
    const auto held = [&](const std::string& said) {
        const std::size_t before = ::mallinfo2().uordblks;
        for (int i = 0; i < 50; ++i) {
            stalled.push_back(connect());
            stalled.back().send(said);
        }
        BOOST_TEST(until([&] { return sessions() == stalled.size(); }));
        // All of them were looked at when somebody who came later has been served.
        expect_served();
        return (::mallinfo2().uordblks - before) / 50;
    };
    held(hello.substr(0, 100)); // whatever is made once
    BOOST_TEST(held(hello.substr(0, 100)) < 8u << 10);
    // The measure itself, where the allocator tells.
    if (::mallinfo2().uordblks > 0) BOOST_TEST(held(hello) > 16u << 10);
    for (raw_client& one : stalled) one.reset();
}

BOOST_AUTO_TEST_CASE(D19_an_alert_is_read_before_the_reset) {
    if (!ready()) return;
    config.lingering_close = 100ms;
    start();
    const std::string hello =
        std::string("\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x02", 11) + std::string(32, 'r') +
        std::string("\x00\x00\x02\xc0\x14\x01\x00", 7); // TLS 1.1 and no later
    for (int i = 0; i < 20; ++i) {
        for (const bool ends : {false, true}) {
            raw_client one = connect();
            one.send(hello);
            if (ends) one.half_close();
            BOOST_TEST(one.read_at_least(7) == alert(70, 2));
            if (ends)
                one.reset();
            else
                BOOST_TEST((one.read_to_end().how == raw_client::ending::reset));
        }
    }
    BOOST_TEST(failed() == "unsupported protocol");
}

BOOST_AUTO_TEST_CASE(D19_a_broken_record_is_told_by_an_alert_and_in_the_log) {
    if (!ready()) return;
    start();
    for (int i = 0; i < 20; ++i) {
        tls_client one(address(), client());
        BOOST_TEST(!one.handshake());
        one.send("a whole record");
        one.raw().send(std::string("\x17\x03\x03\x00\x64", 5) + std::string(100, 'x'));
        const auto got = one.read_to_end();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST(one.connection().failure() == "the other side refused: bad record mac");
    }
    BOOST_REQUIRE(log.wait_for("tls failed", 1));
    BOOST_TEST(log.of("tls failed").at(0).at("what") == "decryption failed or bad record mac");
    BOOST_TEST(access_line().at("reason") == "aborted_read");
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_CASE(D19_a_client_whose_first_record_is_broken_is_no_probe) {
    if (!ready()) return;
    start();
    tls_client one(address(), client());
    BOOST_TEST(!one.handshake());
    one.raw().send(std::string("\x17\x03\x03\x00\x64", 5) + std::string(100, 'x'));
    BOOST_TEST(one.read_to_end().bytes == "");
    BOOST_TEST(one.connection().failure() == "the other side refused: bad record mac");
    BOOST_REQUIRE(log.wait_for("tls failed", 1));
    BOOST_TEST(access_line().at("reason") == "aborted_read");
}

BOOST_AUTO_TEST_CASE(D19_one_that_says_nothing_over_tls_is_told_so) {
    if (!ready()) return;
    config.receive_idle = 200ms;
    start();
    tls_client silent(address(), client());
    BOOST_TEST(!silent.handshake());
    const auto got = silent.read_to_end();
    BOOST_TEST(refusal_reason(got.bytes) == "receive_timeout");
    BOOST_TEST((got.how == ending::close_notify));
}

BOOST_AUTO_TEST_CASE(D19_stalled_handshakes_have_their_share_and_no_more) {
    if (!ready()) return;
    config.max_handshakes = 4;
    config.tls_handshake = 600ms;
    start();
    std::vector<raw_client> stalled;
    for (int i = 0; i < 12; ++i) stalled.push_back(connect());
    for (raw_client& one : stalled) one.send("\x16\x03\x01");
    BOOST_TEST(until([this] { return sessions() == 4u; }));
    BOOST_TEST(!log.wait_for("accepted", 5, 200ms)); // the fifth waits in the backlog
    expect_served();                                 // behind them all
    for (raw_client& one : stalled) one.close();
}

BOOST_AUTO_TEST_CASE(D19_who_has_shaken_hands_holds_nothing_of_that_share) {
    if (!ready()) return;
    config.max_handshakes = 1;
    start();
    std::vector<tls_client> open;
    for (int i = 0; i < 8; ++i) {
        open.emplace_back(address(), client());
        BOOST_TEST(!open.back().handshake());
    }
    for (tls_client& one : open) one.send("x").finish();
    for (tls_client& one : open) BOOST_TEST(one.read_to_end().bytes == "x");
}

BOOST_AUTO_TEST_CASE(D19_plain_text_on_the_tls_port_is_no_payload) {
    if (!ready()) return;
    start();
    for (const std::string& text :
         {std::string("hello"), std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
          some_bytes(100'000)}) {
        expect_refusal(exchange(text), reason::tls_handshake);
    }
    raw_client open = connect(); // one that does not half-close
    open.send("hello");
    expect_refusal(open.read_to_end(), reason::tls_handshake);
    BOOST_TEST(failed(4) == "the other side does not speak TLS");
    BOOST_TEST(failed(2) == "the other side does not speak TLS");
    expect_served();
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(D19_a_huge_client_hello_is_not_taken) {
    if (!ready()) return;
    start();
    raw_client greedy = connect();
    // A handshake message of 16 MiB - 1, in records of 16 KiB.
    std::string record("\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9);
    record.resize(5 + (16 << 10), 'x');
    for (int i = 0; i < 64; ++i)
        if (greedy.send_some(record, 100ms) < record.size()) break;
    BOOST_TEST((greedy.read_to_end().how != raw_client::ending::timeout));
    BOOST_TEST(failed() != "");
    BOOST_TEST(counters.payload_bytes.value() == 0u);
    expect_served();
}

BOOST_AUTO_TEST_CASE(D19_a_fin_without_a_close_notify_is_refused_and_never_forwarded) {
    if (!ready()) return;
    start();
    for (const std::size_t size : {1u, 20'000u}) {
        tls_client client(address(), this->client());
        BOOST_TEST(!client.handshake());
        client.send(std::string(size, 'x'));
        client.raw().half_close();
        const auto got = client.read_to_end();
        BOOST_TEST(refusal_reason(got.bytes) == "tls_truncated");
        BOOST_TEST((got.how == ending::close_notify));
    }
    BOOST_TEST(refused(reason::tls_truncated) == 2u);
    BOOST_TEST(access_line().at("reason") == "tls_truncated");
    expect_served();
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(D19_a_payload_of_which_nothing_has_come_is_not_answered_with_an_empty_reply) {
    if (!ready()) return;
    start();
    tls_client client(address(), this->client());
    BOOST_TEST(!client.handshake());
    client.raw().half_close();
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == ending::reset)); // not a reply
    BOOST_TEST(until_probes(1));
}

BOOST_AUTO_TEST_CASE(D19_a_record_that_was_cut_or_changed_is_never_forwarded) {
    if (!ready()) return;
    start();
    for (const bool changed : {false, true}) {
        tls_client client(address(), this->client());
        BOOST_TEST(!client.handshake());
        client.send("a whole record");
        // The head of one of 100 bytes, and half of it or 100 bytes that nobody encrypted.
        client.raw().send(std::string("\x17\x03\x03\x00\x64", 5) +
                          std::string(changed ? 100 : 50, 'x'));
        if (!changed) client.raw().half_close(); // otherwise the gateway may be gone already
        const auto got = client.read_to_end();
        if (changed)
            BOOST_TEST(got.bytes == "");
        else
            BOOST_TEST(refusal_reason(got.bytes) == "tls_truncated");
    }
    expect_served();
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(D19_a_reset_in_the_payload_is_aborted_as_without_tls) {
    if (!ready()) return;
    start();
    tls_client client(address(), this->client());
    BOOST_TEST(!client.handshake());
    client.send("half of");
    BOOST_TEST(wait_for_bytes_in(1));
    client.raw().reset();
    BOOST_TEST(access_line().at("reason") == "aborted_read");
    BOOST_TEST(upstream.count() == 0u);
}

// As in a stream of plain TCP: the look that has met the reset must not swallow it.
BOOST_AUTO_TEST_CASE(D19_a_reset_right_behind_a_payload_is_aborted_as_without_tls) {
    if (!ready()) return;
    config.stream_above = 1'000;
    start();
    tls_client client(address(), this->client());
    BOOST_TEST(!client.handshake());
    client.send("x");
    BOOST_TEST(wait_for_bytes_in(1)); // a reset in the handshake would be something else
    auto held = hold_threads();
    client.send(std::string(2'000, 'x'));
    client.raw().reset();
    held.reset();
    BOOST_TEST(access_line().at("outcome") == "aborted");
    BOOST_TEST(access_line().at("reason") == "aborted_read");
    BOOST_TEST(upstream.complete() == 0u);
}

BOOST_AUTO_TEST_CASE(D19_a_stop_in_the_handshake_does_not_wait_for_it) {
    if (!ready()) return;
    start();
    raw_client stalled = connect();
    stalled.send("\x16\x03\x01");
    BOOST_TEST(until([this] { return sessions() == 1u; }));
    auto drained = drain(20s);
    const auto began = std::chrono::steady_clock::now();
    BOOST_TEST((stalled.read_to_end().how == raw_client::ending::reset));
    BOOST_TEST((std::chrono::steady_clock::now() - began < 4s));
    stalled.close();
    BOOST_TEST(completes(drained));
}

BOOST_AUTO_TEST_CASE(D19_renegotiation_is_refused) {
    if (!ready()) return;
    start();
    // "R" at the start of a line asks s_client to renegotiate.
    child_process one({"openssl", "s_client", "-connect", to_string(address()), "-tls1_2",
                       "-CAfile", made->path("ca.pem"), "-servername", "server.test"},
                      {}, "R\n");
    BOOST_TEST(one.wait().has_value());
    BOOST_TEST((one.output() + one.error()).find("RENEGOTIATING") != std::string::npos);
    BOOST_TEST((one.output() + one.error()).find("no renegotiation") != std::string::npos,
               one.output() + one.error());
    expect_served();
}

BOOST_AUTO_TEST_CASE(D22_no_byte_of_a_certificate_begins_a_line_of_its_own) {
    if (!ready()) return;
    made->make("evil", {.name = "evil\\, 1",
                        .alternatives = "DER:30:0F:82:0D:61:0D:0A:58:2D:45:76:69:6C:3A:20:31:0A"});
    ask(tls_client_auth::required);
    service.headers = {{"X-Client", "{tls.peer_name}"}};
    start();
    BOOST_TEST(tls_exchange(address(), client("evil"), "x").bytes == "x");
    const auto seen = upstream.requests().at(0);
    BOOST_TEST(seen.field("X-Client") == "a%0D%0AX-Evil:%201%0A");
    BOOST_TEST(seen.count("X-Evil") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
