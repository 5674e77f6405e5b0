// Payloads that are framed: one after another on a connection, each an exchange of its own.
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/tls_gateway.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <ctime>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
using boost::test_tools::per_element;
using ending = raw_client::ending;
using strings = std::vector<std::string>;

namespace {

// What any of these frames can carry.
std::string body(std::size_t n) { return "payload " + std::to_string(n); }

struct fixture : gateway_fixture {
    void begin(std::string_view frame) {
        config.frame = spec(frame);
        config.lingering_close = 500ms;
        start();
    }
    std::string framed(std::string_view payload) const {
        return frame_naively(config.frame, payload);
    }
    std::string ask(raw_client& client, std::string_view payload) const {
        client.send(framed(payload));
        return client.read_at_least(framed(payload).size());
    }
    // Of each answer its payload, or the reason of the refusal.
    strings answers(std::string_view bytes) const {
        strings all = read_naively(config.frame, bytes, 1 << 20, false).payloads;
        for (std::string& one : all) {
            const std::string why = refusal_reason(one.ends_with('\n') ? one : one + '\n');
            if (!why.empty()) one = why;
        }
        return all;
    }
    std::string refusal(raw_client& client, reason why) const {
        const std::string word(to_string(why));
        const std::size_t size =
            framed("finpost: " + word + " 01a22ac4-9007-72f9-a10e-2fcc12e991a1\n").size();
        const strings all = answers(client.read_at_least(size));
        return all.size() == 1 ? all.front() : std::to_string(all.size()) + " answers";
    }
    bool wait_for_pause(std::size_t n = 1) const {
        return until([&] {
            const auto views = door().session_views(10);
            return std::count_if(views.begin(), views.end(), [](const session_view& one) {
                       return one.stage == session_stage::pause;
                   }) == static_cast<std::ptrdiff_t>(n);
        });
    }
};

void send_in(raw_client& client, std::string_view bytes, std::size_t piece) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size())))
        client.send(bytes.substr(0, piece));
}

struct secure_fixture : tls_gateway {
    bool begin(std::string_view frame) {
        if (!ready()) return false;
        config.frame = spec(frame);
        start();
        return true;
    }
    tls_client connected() {
        tls_client client(address(), this->client());
        BOOST_TEST(!client.handshake());
        return client;
    }
};

// A gateway for each of them.
template <class Fixture = fixture, class Test>
void with_each(const strings& frames, const Test& test) {
    for (const std::string& frame : frames) {
        BOOST_TEST_CONTEXT(frame) {
            Fixture one;
            test(one, frame);
            one.teardown();
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(framed_sessions)

BOOST_AUTO_TEST_CASE(each_frame_carries_one_payload_two_and_a_hundred_at_once) {
    with_each(framed_both_ways, [](fixture& gate, const std::string& frame) {
        gate.begin(frame);
        for (const std::size_t n : {1u, 2u, 100u}) {
            std::string sent;
            for (std::size_t i = 0; i < n; ++i) sent += gate.framed(body(i));
            raw_client client = gate.connect();
            client.send(sent);
            BOOST_TEST((client.read_at_least(sent.size()) == sent));
            const auto end = client.half_close().read_to_end();
            BOOST_TEST(end.bytes == "");
            BOOST_TEST((end.how == ending::fin));
        }
    });
}

BOOST_AUTO_TEST_CASE(each_frame_may_come_in_pieces_of_any_size) {
    with_each(framed_both_ways, [](fixture& gate, const std::string& frame) {
        gate.begin(frame);
        const std::string sent = gate.framed(body(1)) + gate.framed(body(2)) + gate.framed(body(3));
        for (const std::size_t piece : {1u, 2u, 7u}) {
            raw_client client = gate.connect();
            send_in(client, sent, piece);
            BOOST_TEST((client.half_close().read_to_end().bytes == sent));
        }
        BOOST_TEST(gate.upstream.complete() == 9u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_connection_stays_and_its_exchanges_are_counted, fixture) {
    begin("length:u16be");
    raw_client client = connect();
    BOOST_TEST(wait_for_pause());
    for (std::size_t i = 0; i < 3; ++i) BOOST_TEST(ask(client, body(i)) == framed(body(i)));
    BOOST_TEST(wait_for_pause());
    const session_view seen = door().session_views(1).front();
    BOOST_TEST(seen.exchanges == 3u);
    BOOST_TEST(seen.bytes_in == 0u);
    BOOST_TEST(counters.between_frames.value() == 1);
    const auto numbers = counters.read_sessions();
    BOOST_TEST(numbers.accepted == 1u);
    BOOST_TEST(numbers.further == 2u);
    BOOST_TEST(numbers.in_flight == 0u);
    BOOST_TEST(numbers.active == 1u);
    BOOST_TEST((client.half_close().read_to_end().how == ending::fin));
    BOOST_TEST(until([&] { return sessions() == 0; }));
    BOOST_TEST(counters.replied.value() == 3u);
    BOOST_TEST(counters.probes.value() == 0u);
    BOOST_TEST(counters.between_frames.value() == 0);
    strings ids;
    for (std::size_t i = 1; i <= 3; ++i) ids.push_back(access_line(i).at("id"));
    std::sort(ids.begin(), ids.end());
    BOOST_TEST((std::unique(ids.begin(), ids.end()) == ids.end()));
}

BOOST_FIXTURE_TEST_CASE(who_never_begins_a_frame_is_a_probe, fixture) {
    begin("mllp");
    raw_client client = connect();
    client.send("\0\r\n"s);
    BOOST_TEST((client.half_close().read_to_end().how == ending::fin));
    BOOST_TEST(until([&] { return counters.probes.value() == 1u; }));
    BOOST_TEST(counters.heartbeats.value() == 3u);
}

// GE Millbrook sends NULs between frames, and takes a closed connection for a failure.
BOOST_FIXTURE_TEST_CASE(heartbeats_keep_the_connection_and_make_no_exchange, fixture) {
    config.between = 1500ms;
    begin("mllp");
    raw_client client = connect();
    BOOST_TEST(ask(client, "one") == framed("one"));
    for (int i = 1; i <= 8; ++i) {
        client.send("\0\0\0"s);
        BOOST_TEST(until(
            [&] { return counters.heartbeats.value() == 3 * static_cast<std::uint64_t>(i); }));
        std::this_thread::sleep_for(250ms); // all of these are longer than `between`
    }
    BOOST_TEST(ask(client, "two") == framed("two"));
    BOOST_TEST(upstream.complete() == 2u);
}

BOOST_FIXTURE_TEST_CASE(an_empty_line_is_a_heartbeat, fixture) {
    begin("line");
    raw_client client = connect();
    client.send("\r\n\none\n\n");
    BOOST_TEST(client.read_at_least(4) == "one\n");
    BOOST_TEST(until([&] { return counters.heartbeats.value() == 3u; }));
    BOOST_TEST(upstream.complete() == 1u);
}

BOOST_FIXTURE_TEST_CASE(an_empty_frame_with_a_beginning_is_a_payload, fixture) {
    begin("stx-etx");
    raw_client client = connect();
    BOOST_TEST(ask(client, "") == framed(""));
    BOOST_TEST(ask(client, "x") == framed("x"));
}

// A Graylog input loses the last line when its sender closes without a line end.
BOOST_FIXTURE_TEST_CASE(a_last_line_without_its_end_is_a_payload, fixture) {
    begin("line");
    const auto got = exchange("one\ntwo");
    BOOST_TEST(got.bytes == "one\ntwo\n");
    BOOST_TEST((got.how == ending::fin));
}

BOOST_FIXTURE_TEST_CASE(a_tail_is_refused_where_it_is_to_be, fixture) {
    config.frame_tail = tail_policy::refuse;
    begin("line");
    const auto got = exchange("one\ntwo");
    BOOST_TEST(got.bytes.substr(0, 4) == "one\n");
    BOOST_TEST(refusal_reason(got.bytes.substr(4)) == "incomplete_frame");
    BOOST_TEST(upstream.complete() == 1u);
}

BOOST_AUTO_TEST_CASE(a_fin_at_each_byte_of_a_frame_forwards_nothing) {
    strings frames = framed_both_ways;
    std::erase_if(frames, [](const std::string& frame) {
        return frame == "line" || frame.starts_with("delimiter");
    });
    with_each(frames, [](fixture& gate, const std::string& frame) {
        gate.begin(frame);
        const std::string whole = gate.framed("abc");
        for (std::size_t n = 1; n < whole.size(); ++n) {
            raw_client client = gate.connect();
            client.send(whole.substr(0, n)).half_close();
            BOOST_TEST(gate.refusal(client, reason::incomplete_frame) == "incomplete_frame");
            BOOST_TEST((client.read_to_end().how == ending::fin));
        }
        BOOST_TEST(gate.upstream.count() == 0u);
    });
}

BOOST_FIXTURE_TEST_CASE(a_reset_in_a_frame_forwards_nothing, fixture) {
    begin("line");
    raw_client client = connect();
    BOOST_TEST(ask(client, "one") == "one\n");
    client.send("two");
    BOOST_TEST(until([&] {
        const auto views = door().session_views(1);
        return !views.empty() && views.front().bytes_in == 3;
    }));
    client.reset();
    BOOST_TEST(access_line(2).at("reason") == "aborted_read");
    BOOST_TEST(upstream.count() == 1u);
}

// Serial converters send byte by byte.
BOOST_AUTO_TEST_CASE(a_heartbeat_in_two_pieces_is_no_payload) {
    with_each({"line", "length:u16be", "length:ascii:2", "delimiter:0D0A"},
              [](fixture& gate, const std::string& frame) {
                  gate.begin(frame);
                  raw_client client = gate.connect();
                  for (int i = 0; i < 3; ++i) send_in(client, gate.framed(""), 1);
                  BOOST_TEST(gate.ask(client, "one") == gate.framed("one"));
                  for (int i = 0; i < 3; ++i) send_in(client, gate.framed(""), 1);
                  const auto end = client.half_close().read_to_end();
                  BOOST_TEST(end.bytes == "");
                  BOOST_TEST((end.how == ending::fin));
                  BOOST_TEST(gate.upstream.complete() == 1u);
              });
}

BOOST_FIXTURE_TEST_CASE(half_an_empty_line_is_nothing, fixture) {
    begin("line");
    const auto got = exchange("one\r\n\r");
    BOOST_TEST(got.bytes == "one\n");
    BOOST_TEST(upstream.complete() == 1u);
}

// It is no pause, and its time is none of the pause before it.
BOOST_FIXTURE_TEST_CASE(half_a_heartbeat_is_waited_for_no_longer_than_receive_idle, fixture) {
    config.receive_idle = 100ms;
    begin("length:u16be");
    raw_client client = connect();
    BOOST_TEST(ask(client, "one") == framed("one"));
    client.send("\0"s);
    BOOST_TEST(refusal(client, reason::receive_timeout) == "receive_timeout");
    BOOST_TEST(client.read_to_end().bytes == "");
}

BOOST_FIXTURE_TEST_CASE(a_payload_behind_many_heartbeats_is_answered, fixture) {
    begin("netstring");
    raw_client client = connect();
    client.send(std::string(45, '\n') + "0:,");
    BOOST_TEST(client.read_at_least(3) == "0:,");
}

// What may be the beginning of a long delimiter is kept back, whatever room there is.
BOOST_FIXTURE_TEST_CASE(a_long_delimiter_that_almost_comes_loses_no_byte, fixture) {
    const std::string mark = "0123456789abcdefghijklmnopqrstuv";
    std::string hex;
    for (const char c : mark) {
        constexpr std::string_view digits = "0123456789ABCDEF";
        hex += digits[static_cast<unsigned char>(c) >> 4];
        hex += digits[static_cast<unsigned char>(c) & 15];
    }
    begin("delimiter:" + hex);
    raw_client client = connect();
    for (std::size_t n = 4'060; n < 4'100; ++n) {
        const std::string payload =
            std::string(n, 'x') + mark.substr(0, 30) + std::string(15, 'y') + mark.substr(0, 31);
        BOOST_TEST((ask(client, payload + 'z') == framed(payload + 'z')));
    }
}

BOOST_AUTO_TEST_CASE(large_payloads_are_answered_though_nothing_follows) {
    with_each({"length:u32be", "line", "stx-etx,sum"}, [](fixture& gate, const std::string& frame) {
        gate.begin(frame);
        raw_client client = gate.connect();
        // In memory, and in files whose last read fills a turn.
        for (const std::size_t size : {600'000u, 3u << 20, 5u << 20, (5u << 20) + 1}) {
            const std::string large(size, 'x');
            BOOST_TEST((gate.ask(client, large) == gate.framed(large)));
        }
    });
}

BOOST_FIXTURE_TEST_CASE(a_refusal_fits_where_its_line_end_is_the_delimiter, fixture) {
    upstream.by_default(scripted_upstream::echo(500));
    begin("delimiter:0A");
    raw_client client = connect();
    client.send("one\n");
    BOOST_TEST(refusal(client, reason::upstream_status) == "upstream_status");
}

// Mirth says nothing of use when the start byte is missing.
BOOST_FIXTURE_TEST_CASE(what_is_no_frame_is_told_and_the_connection_ends, fixture) {
    begin("mllp");
    raw_client client = connect();
    client.send(framed("one") + "MSH|junk\x1c\r"s);
    const auto got = client.read_to_end();
    BOOST_TEST(answers(got.bytes) == strings({"one", "bad_frame"}), per_element());
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(log.of("bad frame").at(0).at("what").find("0B") != std::string::npos);
    BOOST_TEST(upstream.complete() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_length_above_the_limit_is_refused_before_its_payload, fixture) {
    config.max_payload = 1'000;
    begin("length:u32be");
    raw_client client = connect();
    client.send("\xff\xff\xff\xff"s);
    BOOST_TEST(refusal(client, reason::too_large) == "too_large");
    BOOST_TEST((client.read_to_end().how == ending::fin));
    BOOST_TEST(access_line().at("bytes_in") == "0");
}

// Google's MLLP adapter closes without a word when the HTTP side refuses.
BOOST_FIXTURE_TEST_CASE(a_refusal_about_one_payload_leaves_the_connection, fixture) {
    upstream.on(1, scripted_upstream::raw("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"));
    begin("mllp");
    raw_client client = connect();
    client.send(framed("one"));
    BOOST_TEST(refusal(client, reason::upstream_status) == "upstream_status");
    BOOST_TEST(ask(client, "two") == framed("two"));
}

BOOST_AUTO_TEST_CASE(other_styles_of_refusal_end_the_connection) {
    for (const refusal_style style : {refusal_style::close, refusal_style::reset}) {
        with_each({"line"}, [style](fixture& gate, const std::string& frame) {
            gate.upstream.by_default(scripted_upstream::echo(500));
            gate.config.on_refusal = style;
            gate.begin(frame);
            raw_client client = gate.connect();
            client.send("one\n");
            const auto got = client.read_to_end();
            BOOST_TEST(got.bytes == "");
            BOOST_TEST((got.how == (style == refusal_style::close ? ending::fin : ending::reset)));
        });
    }
}

BOOST_FIXTURE_TEST_CASE(a_reply_that_its_frame_cannot_carry_is_never_written, fixture) {
    upstream.on(1, scripted_upstream::raw("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\nb"));
    upstream.on(2, scripted_upstream::raw("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc\n"));
    begin("line");
    raw_client client = connect();
    client.send("one\n");
    BOOST_TEST(refusal(client, reason::reply_unframeable) == "reply_unframeable");
    client.send("two\n");
    BOOST_TEST(client.read_at_least(4) == "abc\n"); // its own line end
    client.send("three\n");
    BOOST_TEST(client.read_at_least(6) == "three\n");
}

BOOST_FIXTURE_TEST_CASE(a_large_reply_that_its_frame_cannot_carry_is_never_written, fixture) {
    const std::string large(50'000, 'x');
    const auto reply_of = [](const std::string& body) {
        return scripted_upstream::raw("HTTP/1.1 200 OK\r\nContent-Length: " +
                                      std::to_string(body.size()) + "\r\n\r\n" + body);
    };
    upstream.on(1, reply_of(large + '\n' + large));
    upstream.on(2, reply_of(large + '\r'));
    upstream.on(3, reply_of(large + '\n'));
    config.spill_above = 10'000;
    begin("line");
    raw_client client = connect();
    for (int i = 0; i < 2; ++i) {
        client.send("x\n");
        BOOST_TEST(refusal(client, reason::reply_unframeable) == "reply_unframeable");
    }
    client.send("x\n");
    BOOST_TEST((client.read_at_least(large.size() + 1) == large + '\n'));
    BOOST_TEST(ask(client, "more") == "more\n");
}

BOOST_FIXTURE_TEST_CASE(where_not_even_the_refusal_fits_there_is_a_reset, fixture) {
    upstream.by_default(scripted_upstream::echo(500));
    config.reply_frame = spec("fixed:4");
    begin("line");
    raw_client client = connect();
    client.send("abcd\n");
    BOOST_TEST((client.read_to_end().how == ending::reset));
    BOOST_TEST(access_line().at("reason") == "upstream_status");
}

BOOST_FIXTURE_TEST_CASE(replies_may_have_another_frame, fixture) {
    config.reply_frame = spec("netstring");
    begin("fixed:3");
    raw_client client = connect();
    client.send("abcdef");
    BOOST_TEST(client.read_at_least(12) == "3:abc,3:def,");
}

BOOST_FIXTURE_TEST_CASE(replies_may_have_no_frame, fixture) {
    config.reply_frame = frame_spec();
    begin("line");
    raw_client client = connect();
    client.send("abc\ndef\n");
    BOOST_TEST(client.read_at_least(6) == "abcdef");
}

BOOST_FIXTURE_TEST_CASE(a_half_closed_payload_may_have_a_framed_reply, fixture) {
    config.reply_frame = spec("stx-etx");
    start();
    const auto got = exchange("abc");
    BOOST_TEST(got.bytes == "\x02"
                            "abc\x03");
    BOOST_TEST((got.how == ending::fin));
}

BOOST_FIXTURE_TEST_CASE(fixed_payloads_have_plain_replies, fixture) {
    begin("fixed:3");
    raw_client client = connect();
    client.send("abcdef");
    BOOST_TEST(client.read_at_least(6) == "abcdef");
    BOOST_TEST(upstream.complete() == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_pause_ends_a_payload, fixture) {
    begin("idle:100ms");
    raw_client client = connect();
    for (const std::string_view payload : {"one", "two"}) {
        client.send(payload);
        BOOST_TEST(client.read_at_least(3) == payload);
    }
    const auto got = client.send("three").half_close().read_to_end();
    BOOST_TEST(got.bytes == "three");
    BOOST_TEST(upstream.complete() == 3u);
}

// A time limit at a frame's boundary is not an error (rivethealth/mllp-http).
BOOST_FIXTURE_TEST_CASE(a_pause_that_is_too_long_ends_the_connection_without_a_word, fixture) {
    config.between = 50ms;
    begin("line");
    raw_client silent = connect();
    const auto nothing = silent.read_to_end();
    BOOST_TEST(nothing.bytes == "");
    BOOST_TEST((nothing.how == ending::fin));
    raw_client client = connect();
    BOOST_TEST(ask(client, "one") == "one\n");
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(until([&] { return sessions() == 0; }));
    BOOST_TEST(counters.probes.value() == 1u);
    BOOST_TEST(log.count("exchange") == 1u);
}

BOOST_FIXTURE_TEST_CASE(the_last_exchange_of_a_connection_ends_it, fixture) {
    config.max_exchanges = 2;
    begin("line");
    raw_client client = connect();
    client.send("one\ntwo\nthree\n");
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "one\ntwo\n");
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(upstream.complete() == 2u);
}

BOOST_AUTO_TEST_CASE(payloads_and_replies_may_be_in_files) {
    with_each({"length:u32be", "stx-etx,lrc", "line"}, [](fixture& gate, const std::string& frame) {
        gate.config.spill_above = 10'000;
        gate.begin(frame);
        std::string large(300'000, 'x');
        for (std::size_t i = 0; i < large.size(); i += 777) large[i] = 'y';
        raw_client client = gate.connect();
        for (int i = 0; i < 2; ++i) BOOST_TEST((gate.ask(client, large) == gate.framed(large)));
        BOOST_TEST(gate.ask(client, "small") == gate.framed("small"));
    });
}

BOOST_FIXTURE_TEST_CASE(base64_is_decoded_and_encoded_frame_by_frame, fixture) {
    config.decode = config.encode = codec::base64;
    begin("line");
    raw_client client = connect();
    const auto got = client.send("aGVsbG8=\r\n!!\nd29ybGQ=\n").half_close().read_to_end();
    BOOST_TEST(answers(got.bytes) == strings({"aGVsbG8=", "bad_encoding", "d29ybGQ="}),
               per_element());
    BOOST_TEST(upstream.requests().at(1).body == "world");
}

BOOST_FIXTURE_TEST_CASE(a_drain_finishes_the_exchange_in_hand_and_forwards_no_other, fixture) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    begin("line");
    raw_client busy = connect(), idle = connect();
    busy.send("one\ntwo\n");
    BOOST_TEST(upstream.wait_for_heads(1));
    auto drained = drain(10s);
    const auto quiet = idle.read_to_end();
    BOOST_TEST(quiet.bytes == "");
    BOOST_TEST((quiet.how == ending::fin));
    upstream.open_gate();
    const auto got = busy.read_to_end();
    BOOST_TEST(got.bytes == "one\n");
    BOOST_TEST((got.how == ending::fin));
    drained.get();
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_never_reads_is_cut, fixture) {
    config.reply_total = 300ms;
    begin("length:u32be");
    const std::string large = framed(std::string(1 << 20, 'x'));
    raw_client client = connect();
    for (int i = 0; i < 40; ++i)
        if (client.send_some(large, 200ms) < large.size()) break;
    BOOST_TEST(until([&] { return counters.aborted.value() == 1u; }));
    BOOST_TEST(upstream.complete() < 40u);
}

BOOST_FIXTURE_TEST_CASE(a_slow_service_is_watched_anew_in_each_exchange, fixture) {
    for (std::size_t i = 1; i <= 3; ++i)
        upstream.on(i, [](scripted_upstream::conversation& talk) {
            talk.read_body();
            std::this_thread::sleep_for(150ms); // longer than what is not watched
            talk.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
    upstream.on(4, scripted_upstream::never());
    config.on_client_reset = client_reset_policy::cancel;
    begin("line");
    raw_client client = connect();
    for (int i = 0; i < 3; ++i) {
        client.send("x\n");
        BOOST_TEST(client.read_at_least(3) == "ok\n");
    }
    client.send("x\n");
    BOOST_TEST(upstream.wait_for_requests(4));
    client.reset();
    BOOST_TEST(access_line(4).at("reason") == "aborted_handle");
}

BOOST_AUTO_TEST_CASE(tls_carries_frames_and_a_close_notify_ends_them) {
    with_each<secure_fixture>({"line", "length:u16be", "stx-etx,sum"},
                              [](secure_fixture& gate, const std::string& frame) {
                                  if (!gate.begin(frame)) return;
                                  tls_client client = gate.connected();
                                  const std::string sent = frame_naively(gate.config.frame, "one") +
                                                           frame_naively(gate.config.frame, "two");
                                  client.send(sent);
                                  const auto got = client.finish().read_to_end();
                                  BOOST_TEST((got.bytes == sent));
                                  BOOST_TEST((got.how == tls_client::ending::close_notify));
                              });
}

BOOST_FIXTURE_TEST_CASE(a_bare_fin_over_tls_is_no_tail, secure_fixture) {
    if (!begin("line")) return;
    tls_client client = connected();
    client.send("one\ntwo");
    BOOST_TEST(until([&] { return counters.replied.value() == 1u; }));
    client.raw().half_close();
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes.substr(0, 4) == "one\n");
    BOOST_TEST(refusal_reason(got.bytes.substr(4)) == "tls_truncated");
    BOOST_TEST(upstream.complete() == 1u);
}

// What TLS holds unread must not end the wait again and again.
BOOST_FIXTURE_TEST_CASE(a_reset_behind_replies_is_waited_for_without_work, secure_fixture) {
    config.on_refusal = refusal_style::reset;
    config.lingering_close = 1s;
    upstream.on(2, scripted_upstream::echo(500));
    if (!begin("line")) return;
    tls_client client = connected();
    client.send("one\ntwo\nthree\nfour\n");
    BOOST_TEST(until([&] { return refused(reason::upstream_status) == 1u; }));
    const std::clock_t before = std::clock();
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "one\n");
    BOOST_TEST((got.how == tls_client::ending::reset));
    BOOST_TEST(std::clock() - before < CLOCKS_PER_SEC / 4);
    BOOST_TEST(upstream.complete() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
