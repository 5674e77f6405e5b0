// Framed payloads that are passed on while the client is still sending.
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/streaming_fixture.hpp"
#include "support/until.hpp"

#include "finpost/base64.hpp"

#include <boost/test/unit_test.hpp>

#include <future>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using ending = raw_client::ending;
using strings = std::vector<std::string>;

namespace {

// No byte of it means anything to a frame.
std::string harmless(std::size_t size) {
    std::string text = some_bytes(size);
    for (char& c : text) c = static_cast<char>('a' + (static_cast<unsigned char>(c) & 15));
    return text;
}

struct fixture : streaming_fixture {
    fixture() {
        config.lingering_close = 500ms;
        upstream.by_default(echo_chunks);
    }
    void begin_with(std::string_view frame) {
        config.frame = spec(frame);
        start();
    }
    std::string framed(std::string_view payload) const {
        return frame_naively(config.frame, payload);
    }
    // A client with the beginning of a frame, whose request the upstream has seen.
    raw_client begin_frame(std::string_view payload, std::size_t size) {
        raw_client client = connect();
        client.send(framed(payload).substr(0, size));
        BOOST_TEST(upstream.wait_for_heads(1));
        return client;
    }
    void stream_two_and_send_one() {
        const std::string first = harmless(50'000), second = harmless(3'000);
        raw_client client = begin_frame(first, 20'000);
        BOOST_TEST(upstream.requests().at(0).field("Transfer-Encoding") == "chunked");
        BOOST_TEST(upstream.complete() == 0u);
        client.send(framed(first).substr(20'000) + framed(second) + framed("three"));
        const auto got = client.half_close().read_to_end();
        BOOST_TEST((got.bytes == framed(first) + framed(second) + framed("three")));
        BOOST_TEST((got.how == ending::fin));
        BOOST_TEST(upstream.complete() == 3u);
        BOOST_TEST(access_line(1).number("bytes_in") == 50'000);
        BOOST_TEST(counters.reply_bytes.value() == got.bytes.size());
    }
    // What a client reads that sends so much and then its FIN: answers and the last refusal.
    std::string reason_behind(std::string_view answers, const raw_client::received& got) const {
        BOOST_TEST((got.bytes.substr(0, answers.size()) == answers));
        const std::string_view rest = std::string_view(got.bytes).substr(answers.size());
        const auto read = read_naively(config.frame, rest, 1 << 20, false).payloads;
        if (read.size() != 1) return std::to_string(read.size()) + " refusals";
        return refusal_reason(read.front().ends_with('\n') ? read.front() : read.front() + '\n');
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(framed_streams)

BOOST_AUTO_TEST_CASE(the_post_begins_before_the_frame_has_ended_and_others_follow) {
    for (const std::string frame :
         {"line", "delimiter:0D0A", "stx-etx", "stx-etx,lrc", "stx-etx,sum", "mllp", "length:u16be",
          "length:u32le,inclusive", "length:ascii:6", "netstring"}) {
        BOOST_TEST_CONTEXT(frame) {
            fixture gate;
            gate.begin_with(frame);
            gate.stream_two_and_send_one();
            gate.teardown();
        }
    }
}

BOOST_FIXTURE_TEST_CASE(a_reset_in_a_frame_never_completes_it, fixture) {
    begin_with("mllp");
    raw_client client = begin_frame(harmless(9'000), 5'000);
    client.reset();
    expect_cut_at_the_upstream();
    BOOST_TEST(access_line().at("reason") == "aborted_read");
}

BOOST_FIXTURE_TEST_CASE(a_fin_in_a_frame_never_completes_it, fixture) {
    begin_with("stx-etx");
    raw_client client = begin_frame(harmless(9'000), 5'000);
    const auto got = client.half_close().read_to_end();
    BOOST_TEST(reason_behind("", got) == "incomplete_frame");
    BOOST_TEST((got.how == ending::fin));
    expect_cut_at_the_upstream();
}

BOOST_FIXTURE_TEST_CASE(a_tail_is_forwarded_where_that_is_configured, fixture) {
    begin_with("line");
    raw_client client = begin_frame(harmless(9'000), 9'000);
    const auto got = client.half_close().read_to_end();
    BOOST_TEST((got.bytes == framed(harmless(9'000))));
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST((upstream.requests().at(0).body == harmless(9'000)));
}

BOOST_FIXTURE_TEST_CASE(a_wrong_checksum_never_completes_it, fixture) {
    begin_with("stx-etx,lrc");
    std::string wrong = framed(harmless(9'000));
    raw_client client = begin_frame(harmless(9'000), 5'000);
    wrong.back() ^= 1;
    client.send(wrong.substr(5'000));
    const auto got = client.read_to_end();
    BOOST_TEST(reason_behind("", got) == "bad_frame");
    BOOST_TEST(log.of("bad frame").size() == 1u);
    expect_cut_at_the_upstream();
}

BOOST_FIXTURE_TEST_CASE(an_end_that_is_never_found_is_too_large, fixture) {
    config.max_payload = 100'000;
    begin_with("line");
    raw_client client = begin_frame(harmless(200'000), 50'000);
    client.send(harmless(200'000).substr(50'000));
    BOOST_TEST(reason_behind("", client.read_to_end()) == "too_large");
    expect_cut_at_the_upstream();
}

// Nobody knows what is a frame behind a frame of which a part was not read.
BOOST_FIXTURE_TEST_CASE(an_early_refusal_ends_the_connection, fixture) {
    upstream.by_default([](conversation& talk) {
        talk.send(response(413, "too much"));
        talk.stay_silent();
    });
    begin_with("length:u32be");
    raw_client client = begin_frame(harmless(90'000), 50'000);
    const auto got = client.read_to_end();
    BOOST_TEST(reason_behind("", got) == "upstream_status");
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(upstream.complete() == 0u);
    BOOST_TEST(upstream.wait_for_open_connections(0));
}

BOOST_FIXTURE_TEST_CASE(an_early_answer_ends_the_connection_where_it_is_relayed, fixture) {
    service.on_status = status_policy::relay;
    upstream.by_default([](conversation& talk) {
        talk.send(response(413, "too much"));
        talk.stay_silent();
    });
    begin_with("line");
    const auto got = begin_frame(harmless(90'000), 50'000).read_to_end();
    BOOST_TEST(got.bytes == "too much\n");
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(access_line().at("outcome") == "replied");
}

// The reply is written when it is whole: a part of it would be no frame.
BOOST_FIXTURE_TEST_CASE(a_reply_that_is_cut_is_a_refusal_and_the_connection_goes_on, fixture) {
    upstream.on(1, [](conversation& talk) {
        talk.send(chunked_head);
        talk.send(chunk(talk.read_chunk()));
        while (!talk.read_chunk().empty()) {
        }
        talk.reset();
    });
    begin_with("mllp");
    raw_client client = connect();
    const auto got =
        client.send(framed(harmless(9'000)) + framed("two")).half_close().read_to_end();
    BOOST_TEST((got.how == ending::fin));
    const auto answers = read_naively(config.frame, got.bytes, 1 << 20, false).payloads;
    BOOST_REQUIRE(answers.size() == 2u);
    BOOST_TEST(refusal_reason(answers[0]) == "upstream_incomplete");
    BOOST_TEST(answers[1] == "two");
}

BOOST_FIXTURE_TEST_CASE(a_reply_that_its_frame_cannot_carry_is_never_written, fixture) {
    upstream.on(1, [](conversation& talk) {
        talk.read_body();
        talk.send(response(200, std::string(70'000, 'x') + "\nmore"));
    });
    begin_with("line");
    raw_client client = connect();
    client.send(framed(harmless(9'000)) + framed("two"));
    const auto got = client.half_close().read_to_end();
    const std::size_t line = got.bytes.find('\n') + 1;
    BOOST_TEST(refusal_reason(got.bytes.substr(0, line)) == "reply_unframeable");
    BOOST_TEST(got.bytes.substr(line) == "two\n");
}

BOOST_FIXTURE_TEST_CASE(large_replies_wait_in_a_file, fixture) {
    config.spill_above = 200'000;
    config.max_payload = 3 << 20;
    begin_with("length:u32be");
    const std::string large = some_bytes(2 << 20);
    raw_client client = connect();
    auto reading = std::async(std::launch::async, [&client, size = framed(large).size()] {
        return client.read_at_least(size);
    });
    client.send(framed(large));
    BOOST_TEST((reading.get() == framed(large)));
    client.send(framed("small"));
    BOOST_TEST(client.read_at_least(9) == framed("small"));
}

BOOST_FIXTURE_TEST_CASE(a_reply_without_room_is_a_refusal, fixture) {
    config.spill_above = 0;
    config.max_buffered = 2 << 20;
    config.max_payload = 16 << 20;
    begin_with("length:u32be");
    raw_client client = connect();
    client.send(framed(some_bytes(4 << 20)));
    const auto got = client.read_to_end();
    BOOST_TEST(reason_behind("", got) == "busy");
}

BOOST_FIXTURE_TEST_CASE(forms_and_base64_go_with_streams, fixture) {
    config.reply_format = reply_format::json;
    config.decode = codec::base64;
    begin_with("line");
    const std::string plain = harmless(9'000);
    std::string text(base64::encoded_size(plain.size()), '\0');
    base64::encode(std::as_bytes(std::span(plain)), text.data());
    raw_client client = begin_frame(text, 5'000);
    client.send(text.substr(5'000) + "\n!" + text + "\n");
    const auto got = client.half_close().read_to_end();
    const std::size_t line = got.bytes.find('\n');
    BOOST_TEST((got.bytes.substr(0, line).find("\"body\":\"" + plain) != std::string::npos));
    BOOST_TEST((upstream.requests().at(0).body == plain));
    BOOST_TEST(got.bytes.find("\"reason\":\"bad_encoding\"", line) != std::string::npos);
    BOOST_TEST(upstream.complete() == 1u);
}

// Without frames for payloads: the reply alone has its form, or its frame.
BOOST_FIXTURE_TEST_CASE(a_half_closed_stream_may_have_a_reply_in_a_frame, fixture) {
    config.reply_frame = spec("netstring");
    start();
    const auto got = exchange_both_ways(harmless(9'000));
    BOOST_TEST((got.bytes == frame_naively(spec("netstring"), harmless(9'000))));
    BOOST_TEST((got.how == ending::fin));
}

BOOST_FIXTURE_TEST_CASE(a_half_closed_stream_may_have_a_reply_in_a_form, fixture) {
    config.reply_format = reply_format::ack_nak;
    upstream.on(2, scripted_upstream::echo(500));
    start();
    BOOST_TEST(exchange_both_ways(harmless(9'000)).bytes == "\x06");
    BOOST_TEST(exchange_both_ways(harmless(9'000)).bytes == "\x15");
}

BOOST_FIXTURE_TEST_CASE(a_drain_finishes_the_stream_in_hand, fixture) {
    begin_with("line");
    const std::string payload = harmless(9'000);
    raw_client client = begin_frame(payload, 5'000);
    raw_client idle = connect();
    BOOST_REQUIRE(until([&] { return sessions() == 2; }));
    auto drained = drain(10s);
    BOOST_TEST((idle.read_to_end().how == ending::fin)); // so the sessions know of it
    client.send(payload.substr(5'000) + "\nanother\n");
    const auto got = client.read_to_end();
    BOOST_TEST((got.bytes == payload + "\n"));
    BOOST_TEST((got.how == ending::fin));
    drained.get();
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_stop_refuses_the_stream_in_hand, fixture) {
    begin_with("line");
    raw_client client = begin_frame(harmless(9'000), 5'000);
    drain(1ms).get();
    BOOST_TEST(reason_behind("", client.read_to_end()) == "upstream_incomplete");
    expect_cut_at_the_upstream();
}

BOOST_FIXTURE_TEST_CASE(who_resets_behind_a_frame_does_not_stop_the_service, fixture) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::raw_then_fin(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")));
    begin_with("line");
    raw_client client = begin_frame(harmless(9'000), 9'000);
    client.send("\n");
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    BOOST_TEST(until([&] { return counters.client_gone.value() == 1u; }));
    upstream.open_gate();
    BOOST_TEST(access_line().at("reason") == "aborted_reply");
}

BOOST_AUTO_TEST_SUITE_END()
