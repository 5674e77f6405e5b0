// Clients with a fault that frame their payloads: rows D1 to D8 and D10, a service that fails
// between two that work, and a change of the rules in the middle.
#include "faults/downstream_fixture.hpp"
#include "support/frame_reference.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <poll.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using boost::test_tools::per_element;
using ending = raw_client::ending;
using strings = std::vector<std::string>;

namespace {

struct frames_fixture : downstream_fixture {
    void begin(std::string_view frame) {
        config.frame = spec(frame);
        config.lingering_close = 500ms;
        start();
    }
    std::string framed(std::string_view payload) const {
        return frame_naively(config.frame, payload);
    }
    // Of each answer its payload, or the reason of the refusal.
    strings answers(std::string_view bytes) const {
        const auto read = read_naively(config.frame, bytes, 64 << 20, false);
        BOOST_TEST(read.rest.empty()); // a part of an answer is none
        strings all = read.payloads;
        for (std::string& one : all) {
            const std::string why = refusal_reason(one.ends_with('\n') ? one : one + '\n');
            if (!why.empty()) one = why;
        }
        return all;
    }
    // Another client is served meanwhile.
    void expect_served() {
        raw_client client = connect();
        client.send(framed("another client"));
        BOOST_TEST(client.read_at_least(framed("another client").size()) ==
                   framed("another client"));
    }
    bool wait_for_bytes_of_a_frame(std::size_t n) {
        return until([&] {
            for (const session_view& one : door().session_views(10))
                if (one.stage == session_stage::receive && one.bytes_in >= n) return true;
            return false;
        });
    }
};

// A gateway for each of them.
template <class Test>
void with_each(const strings& frames, const Test& test) {
    for (const std::string& frame : frames) {
        BOOST_TEST_CONTEXT(frame) {
            frames_fixture one;
            test(one, frame);
            one.teardown();
        }
    }
}

// Sends byte by byte, a byte every 20 ms, until the gateway has something to say.
void trickle(raw_client& client, std::string_view bytes) {
    for (const char byte : bytes) {
        client.send_some({&byte, 1}, 1s);
        pollfd one{client.fd(), POLLIN, 0};
        if (::poll(&one, 1, 20) != 0) return;
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(downstream_frames)

BOOST_FIXTURE_TEST_CASE(D1_a_frame_that_comes_byte_by_byte_for_too_long_is_refused,
                        frames_fixture) {
    config.receive_total = 500ms;
    begin("length:u16be");
    raw_client client = connect();
    trickle(client, framed(std::string(1'000, 'x')));
    const auto got = client.read_to_end();
    BOOST_TEST(answers(got.bytes) == strings({"receive_timeout"}), per_element());
    BOOST_TEST((got.how == ending::fin));
    expect_served();
    expect_nothing_forwarded();
}

BOOST_FIXTURE_TEST_CASE(D1_a_frame_that_comes_more_slowly_than_min_rate_is_refused,
                        frames_fixture) {
    config.min_rate = 1 << 20;
    begin("line");
    raw_client client = connect();
    trickle(client, std::string(1'000, 'x'));
    BOOST_TEST(answers(client.read_to_end().bytes) == strings({"too_slow"}), per_element());
    BOOST_TEST(access_line().number("receive_ms") >= 4990); // nobody is judged before 5 s
    expect_served();
    expect_nothing_forwarded();
}

// A heartbeat is a sign of life, and the time of a payload begins with its first byte.
BOOST_FIXTURE_TEST_CASE(D1_heartbeats_now_and_then_are_no_slow_payload, frames_fixture) {
    config.receive_total = 100ms;
    config.receive_idle = 100ms;
    begin("mllp");
    raw_client client = connect();
    trickle(client, std::string(15, '\0'));
    client.send(framed("one"));
    BOOST_TEST(client.read_at_least(framed("one").size()) == framed("one"));
    BOOST_TEST(counters.heartbeats.value() == 15u);
}

BOOST_FIXTURE_TEST_CASE(D3_half_a_frame_and_then_nothing_is_refused_and_goes_nowhere,
                        frames_fixture) {
    config.receive_idle = 200ms;
    begin("stx-etx");
    raw_client client = connect();
    client.send(framed("one") + framed("two").substr(0, 3));
    const auto got = client.read_to_end();
    BOOST_TEST(answers(got.bytes) == strings({"one", "receive_timeout"}), per_element());
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(upstream.count() == 1u);
    expect_served();
}

BOOST_AUTO_TEST_CASE(D4_a_reset_at_each_byte_of_a_frame_forwards_nothing) {
    with_each(framed_both_ways, [](frames_fixture& gate, const std::string& frame) {
        gate.begin(frame);
        const std::string whole = gate.framed("abc");
        for (std::size_t n = 1; n < whole.size(); ++n) {
            raw_client client = gate.connect();
            client.send(gate.framed("first"));
            BOOST_TEST(client.read_at_least(gate.framed("first").size()) == gate.framed("first"));
            client.send(whole.substr(0, n)).reset();
        }
        BOOST_TEST(until([&] { return gate.sessions() == 0; }));
        for (const auto& seen : gate.upstream.requests()) BOOST_TEST(seen.body == "first");
        BOOST_TEST(gate.counters.replied.value() == whole.size() - 1);
    });
}

BOOST_FIXTURE_TEST_CASE(D5_a_reset_behind_frames_that_wait_forwards_no_more_of_them,
                        frames_fixture) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    begin("line");
    raw_client client = connect();
    client.send("one\ntwo\nthree\n");
    BOOST_TEST(upstream.wait_for_heads(1));
    client.reset();
    BOOST_TEST(until([&] { return counters.client_gone.value() == 1u; }));
    upstream.open_gate();
    BOOST_TEST(expect_aborted("aborted_reply").at("bytes_in") == "3");
    BOOST_TEST(until([&] { return sessions() == 0; }));
    BOOST_TEST(upstream.count() == 1u);
    expect_served();
}

// It sends and sends: what is not answered waits in the kernel, where it has bounds.
BOOST_FIXTURE_TEST_CASE(D7_a_thousand_frames_of_a_client_that_reads_no_answer, frames_fixture) {
    config.reply_total = 1s;
    begin("length:u32be");
    const std::string frame = framed(std::string(64 << 10, 'x'));
    raw_client client = connect();
    std::atomic<bool> sends{true};
    std::int64_t most = 0;
    std::thread watch([&] {
        while (sends) {
            most = std::max(most, counters.buffered_bytes.value());
            std::this_thread::sleep_for(1ms);
        }
    });
    std::size_t whole = 0;
    while (whole < 1'000 && client.send_some(frame, 200ms) == frame.size()) ++whole;
    expect_served();
    BOOST_TEST(expect_aborted("aborted_reply").number("bytes_in") == 64 << 10);
    sends = false;
    watch.join();
    BOOST_TEST(whole < 1'000u);
    BOOST_TEST(most < 1 << 20); // one exchange at a time, and the other client's
    BOOST_TEST((client.read_to_end().how == ending::reset));
    BOOST_TEST(upstream.complete() <= whole + 1);
}

// It takes four times as much a second as it has to. What it takes first is the reply before.
BOOST_FIXTURE_TEST_CASE(D8_a_reader_is_judged_with_the_replies_that_it_takes_first,
                        frames_fixture) {
    config.min_rate = 100 << 10;
    begin("length:u32be");
    const std::string frame = framed(std::string(3 << 20, 'x'));
    raw_client client = connect();
    std::thread sends([&] { client.send(frame + frame); });
    std::string got;
    const auto end = std::chrono::steady_clock::now() + 7s; // nobody is judged before 5 s
    while (std::chrono::steady_clock::now() < end) {
        got += client.read_at_least(8 << 10);
        std::this_thread::sleep_for(20ms);
    }
    sends.join();
    got += client.half_close().read_to_end().bytes;
    BOOST_TEST((got == frame + frame));
}

BOOST_FIXTURE_TEST_CASE(D10_a_length_of_four_gigabytes_takes_no_memory, frames_fixture) {
    begin("length:u32be");
    raw_client client = connect();
    client.send("\xff\xff\xff\xff" + std::string(100'000, 'x'));
    const auto got = client.read_to_end();
    BOOST_TEST(answers(got.bytes) == strings({"too_large"}), per_element());
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(access_line().at("bytes_in") == "0");
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D10_the_largest_frame_and_one_byte_more) {
    strings frames = framed_both_ways;
    std::erase(frames, "length:u8"); // which has no frame as large as that
    with_each(frames, [](frames_fixture& gate, const std::string& frame) {
        gate.config.max_payload = 1'000;
        gate.begin(frame);
        raw_client client = gate.connect();
        const std::string largest(1'000, 'x');
        client.send(gate.framed(largest) + gate.framed(largest + 'x') + gate.framed("after it"));
        const auto got = client.read_to_end();
        BOOST_TEST(gate.answers(got.bytes) == strings({largest, "too_large"}), per_element());
        BOOST_TEST((got.how == ending::fin));
        BOOST_TEST(gate.upstream.count() == 1u);
    });
}

// What the service does to one payload is told where its answer would be, and the next one has its
// own.
BOOST_AUTO_TEST_CASE(each_failure_of_the_service_is_the_answer_to_its_own_frame) {
    struct failing {
        scripted_upstream::script how;
        std::string_view why;
    };
    const failing each[] = {
        {scripted_upstream::echo(500), "upstream_status"},
        {scripted_upstream::raw_then_reset(""), "upstream_incomplete"},
        {scripted_upstream::raw_then_fin("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"),
         "upstream_incomplete"},
        {scripted_upstream::raw_then_fin("SSH-2.0-OpenSSH\r\n"), "upstream_invalid"},
        {scripted_upstream::never(), "upstream_timeout"},
    };
    with_each(framed_both_ways, [&](frames_fixture& gate, const std::string& frame) {
        gate.service.total = 300ms;
        // Each failure comes on a new connection: on a kept one the request would be sent again.
        gate.upstream.by_default(scripted_upstream::close_delimited_echo());
        strings expected;
        std::string sent;
        std::size_t n = 0;
        for (const failing& one : each) {
            gate.upstream.on(n + 2, one.how);
            for (const std::string payload : {"good", "bad"}) {
                expected.push_back(payload == "good" ? payload : std::string(one.why));
                sent += frame_naively(spec(frame), payload);
                ++n;
            }
        }
        gate.begin(frame);
        const auto got = gate.connect().send(sent).half_close().read_to_end();
        BOOST_TEST(gate.answers(got.bytes) == expected, per_element());
        BOOST_TEST((got.how == ending::fin));
        BOOST_TEST(gate.upstream.count() == n); // none is sent twice
    });
}

BOOST_FIXTURE_TEST_CASE(a_change_of_the_rules_in_a_frame_is_for_connections_that_come_after_it,
                        frames_fixture) {
    begin("line");
    raw_client before = connect();
    before.send("one\ntw");
    BOOST_TEST(before.read_at_least(4) == "one\n");
    BOOST_TEST(wait_for_bytes_of_a_frame(2));
    listener_group next;
    next.config = config;
    next.config.listen = {parse_socket_address("127.0.0.1:0").value()};
    next.config.frame = spec("length:u8");
    next.handler = forwarder().as_handler();
    door().change({next});
    before.send("o\nthree\n");
    BOOST_TEST(before.read_at_least(10) == "two\nthree\n");
    raw_client after = connect();
    after.send("\x04"
               "four");
    BOOST_TEST(after.read_at_least(5) == "\x04"
                                         "four");
    const auto got = before.half_close().read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == ending::fin));
}

BOOST_FIXTURE_TEST_CASE(a_drain_in_the_middle_of_a_frame_finishes_it, frames_fixture) {
    begin("mllp");
    raw_client client = connect();
    client.send(framed("one").substr(0, 3));
    BOOST_TEST(wait_for_bytes_of_a_frame(2));
    auto drained = drain(10s);
    BOOST_TEST(until([&] { return !accepting(); }));
    client.send(framed("one").substr(3) + framed("two"));
    const auto got = client.read_to_end();
    BOOST_TEST(answers(got.bytes) == strings({"one"}), per_element());
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(completes(drained));
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_drain_whose_time_is_up_in_a_frame_refuses_it, frames_fixture) {
    begin("mllp");
    raw_client client = connect();
    client.send(framed("one").substr(0, 3));
    BOOST_TEST(wait_for_bytes_of_a_frame(2));
    auto drained = drain(50ms);
    const auto got = client.read_to_end();
    BOOST_TEST(answers(got.bytes) == strings({"draining"}), per_element());
    BOOST_TEST(completes(drained));
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
