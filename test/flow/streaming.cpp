// Payloads above a size are passed on while the client is still sending.
#include "support/streaming_fixture.hpp"
#include "support/tls_front.hpp"
#include "support/tls_gateway.hpp"

#include "finpost/base64.hpp"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = raw_client::ending;

namespace {

// TLS on both sides.
struct secure_fixture : tls_gateway {
    bool begin() {
        if (!ready()) return false;
        config.stream_above = 1'000;
        front.emplace(make_server_tls(identity("server")).context, upstream.address());
        service.endpoints = {front->url()};
        service.tls.ca = made->path("ca.pem");
        service.tls.server_name = "server.test";
        start();
        return true;
    }
    void teardown() {
        upstream.open_gate();
        if (front) forwarder().close();
        front.reset();
        gateway_fixture::teardown();
    }
    // A client that has sent a part, which the upstream has seen.
    tls_client begun() {
        tls_client client(address(), this->client());
        BOOST_TEST(!client.handshake());
        client.send(some_bytes(50'000));
        BOOST_TEST(upstream.wait_for_heads(1));
        return client;
    }
    void expect_cut() {
        BOOST_TEST(until([&] { return upstream.requests().at(0).cut; }));
        BOOST_TEST(front->goodbyes() == 0u);
        BOOST_TEST(upstream.complete() == 0u);
    }

    std::optional<tls_front> front;
};

// A host's own client side, which fails while one direction is under way.
class throwing_stream final : public exchange_stream {
public:
    throwing_stream(exchange_stream& inner, bool reads) : inner_(inner), reads_(reads) {}

    boost::asio::awaitable<result<std::size_t>> read(std::span<std::byte> buffer) override {
        if (reads_) throw std::runtime_error("no paper");
        return inner_.read(buffer);
    }
    void stop_reading() noexcept override { inner_.stop_reading(); }
    boost::asio::awaitable<error_code> write(std::span<const std::byte>) override {
        throw std::runtime_error("no paper");
    }
    void limit(time_point until, reason why) override { inner_.limit(until, why); }
    void on_cancel(std::function<void()> cancel) override { inner_.on_cancel(std::move(cancel)); }
    error_code error() const noexcept override { return inner_.error(); }
    bool complete() const noexcept override { return inner_.complete(); }

private:
    exchange_stream& inner_;
    const bool reads_;
};

std::string encoded(std::string_view bytes) {
    std::string text(base64::encoded_size(bytes.size()), '\0');
    base64::encode(std::as_bytes(std::span(bytes)), text.data());
    return text;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(streaming, streaming_fixture)

BOOST_AUTO_TEST_CASE(the_post_begins_while_the_client_is_still_sending) {
    start();
    raw_client client = begin();
    const auto head = upstream.requests().at(0);
    BOOST_TEST(head.field("Transfer-Encoding") == "chunked");
    BOOST_TEST(head.count("Content-Length") == 0u);
    BOOST_TEST(upstream.complete() == 0u);
    const auto seen = door().session_views(1);
    BOOST_TEST(to_string(seen.at(0).stage) == "stream");
    client.send("the rest").half_close();
    const auto got = client.read_to_end();
    BOOST_TEST((got.bytes == some_bytes(5'000) + "the rest"));
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(upstream.complete() == 1u);
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "replied");
    BOOST_TEST(line.number("bytes_in") == 5'008);
    BOOST_TEST(line.number("bytes_out") == 5'008);
    BOOST_TEST(line.at("upstream") == to_string(upstream.address()));
    BOOST_TEST(line.at("status") == "200");
    BOOST_TEST(counters.payload_bytes.value() == 5'008u);
    BOOST_TEST(counters.reply_bytes.value() == 5'008u);
}

BOOST_AUTO_TEST_CASE(a_payload_that_ends_in_time_has_its_length) {
    start();
    BOOST_TEST((exchange(some_bytes(1'000)).bytes == some_bytes(1'000)));
    BOOST_TEST(upstream.requests().at(0).field("Content-Length") == "1000");
    raw_client client = connect();
    auto held = hold_threads(); // it lies in the kernel, with its end, when the gateway looks
    client.send_with_fin(some_bytes(3'000));
    held.reset();
    BOOST_TEST((client.read_to_end().bytes == some_bytes(3'000)));
    BOOST_TEST(upstream.requests().at(1).field("Content-Length") == "3000");
}

BOOST_AUTO_TEST_CASE(the_reply_begins_before_the_payload_has_ended) {
    upstream.by_default(echo_chunks);
    start();
    raw_client client = begin();
    BOOST_TEST((client.read_at_least(5'000) == some_bytes(5'000)));
    client.send("more");
    BOOST_TEST(client.read_at_least(4) == "more");
    client.half_close();
    BOOST_TEST((client.read_to_end().how == ending::fin));
    BOOST_TEST(counters.replied.value() == 1u);
}

BOOST_AUTO_TEST_CASE(many_times_the_buffers_go_through_in_both_directions) {
    upstream.by_default(echo_chunks);
    start();
    std::atomic<bool> over{false};
    std::int64_t most = 0;
    std::thread watching([&] {
        while (!over) most = std::max(most, counters.buffered_bytes.value());
    });
    const std::string payload = some_bytes(15'000'000);
    const auto got = exchange_both_ways(payload);
    over = true;
    watching.join();
    BOOST_TEST((got.bytes == payload));
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(most <= 300'000);
}

BOOST_AUTO_TEST_CASE(replies_of_every_kind_are_passed_on) {
    start();
    const std::string payload = some_bytes(300'000);
    for (const auto& answer : {scripted_upstream::echo(), scripted_upstream::chunked_echo(7'000),
                               scripted_upstream::close_delimited_echo()}) {
        upstream.by_default(answer);
        const auto got = exchange(payload);
        BOOST_TEST((got.bytes == payload));
        BOOST_TEST((got.how == ending::fin));
    }
    upstream.by_default(
        scripted_upstream::raw("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"));
    BOOST_TEST(exchange(payload).bytes == "");
    BOOST_TEST(access_line(4).at("status") == "204");
    BOOST_TEST(counters.replied.value() == 4u);
}

BOOST_AUTO_TEST_CASE(the_connection_carries_other_exchanges_afterwards) {
    start();
    BOOST_TEST((exchange(some_bytes(100'000)).bytes == some_bytes(100'000)));
    BOOST_TEST(exchange("small").bytes == "small");
    BOOST_TEST(upstream.connections() == 1u);
    // But a stream has one of its own: nobody can send it again.
    BOOST_TEST((exchange(some_bytes(100'000)).bytes == some_bytes(100'000)));
    BOOST_TEST(upstream.connections() == 2u);
}

BOOST_AUTO_TEST_CASE(base64_is_taken_off_and_put_on_piece_by_piece) {
    config.decode = config.encode = codec::base64;
    upstream.by_default(echo_chunks);
    start();
    for (const std::size_t size : {1'000u, 1'001u, 1'002u, 100'000u, 1'000'001u}) {
        const std::string payload = some_bytes(size);
        const std::string text = encoded(payload);
        BOOST_TEST((exchange_both_ways(text).bytes == text));
        BOOST_TEST((upstream.requests().back().body == payload));
        BOOST_TEST((exchange_both_ways(text + "\r\n").bytes == text));
    }
}

// What they held was what the others waited for.
BOOST_AUTO_TEST_CASE(streams_that_do_not_fit_together_come_one_after_the_other) {
    config.stream_above = 64 << 10;
    config.max_buffered = 2 << 20;
    upstream.by_default(scripted_upstream::raw(response(200, "done")));
    start();
    const std::vector<std::string> payloads(60, some_bytes(300'000));
    for (const auto& got : exchange_all(address(), payloads, 60)) BOOST_TEST(got.bytes == "done");
    BOOST_TEST(refused(reason::busy) == 0u);
}

BOOST_AUTO_TEST_CASE(what_has_begun_waits_for_no_memory) {
    // All of it is in the buffers of these when their replies come.
    config.encode = codec::base64;
    config.max_buffered = 4 * (256 << 10) + (12 << 10);
    start();
    std::vector<raw_client> clients;
    for (std::size_t i = 1; i <= 4; ++i) {
        clients.push_back(connect());
        clients.back().send(some_bytes(5'000));
        BOOST_TEST_REQUIRE(upstream.wait_for_heads(i));
    }
    for (raw_client& each : clients) each.half_close();
    for (raw_client& each : clients)
        BOOST_TEST((each.read_to_end().bytes == encoded(some_bytes(5'000))));
}

BOOST_AUTO_TEST_CASE(nothing_left_after_decoding_is_refused) {
    config.stream_above = 0;
    config.decode = codec::base64;
    start();
    raw_client client = connect();
    client.send("\n");
    BOOST_TEST(upstream.wait_for_heads(1));
    client.half_close();
    expect_refusal(client.read_to_end(), reason::empty);
    expect_cut_at_the_upstream();
}

BOOST_AUTO_TEST_CASE(a_refused_status_reaches_the_client_before_it_has_sent_everything) {
    upstream.by_default([](conversation& talk) {
        talk.send(response(413, "too much"));
        talk.stay_silent();
    });
    start();
    raw_client client = begin();
    expect_refusal(client.read_to_end(), reason::upstream_status);
    BOOST_TEST(access_line().at("status") == "413");
    BOOST_TEST(upstream.complete() == 0u);
    BOOST_TEST(upstream.wait_for_open_connections(0));
}

BOOST_AUTO_TEST_CASE(a_relayed_status_reaches_the_client_before_it_has_sent_everything) {
    service.on_status = status_policy::relay;
    upstream.by_default([](conversation& talk) {
        talk.send(response(413, "too much"));
        talk.stay_silent();
    });
    start();
    raw_client client = begin();
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "too much");
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(access_line().at("outcome") == "replied");
    BOOST_TEST(upstream.wait_for_open_connections(0));
}

BOOST_AUTO_TEST_CASE(a_service_may_answer_whole_and_then_read_on) {
    upstream.by_default([](conversation& talk) {
        talk.send(response(200, "fine"));
        talk.read_body();
    });
    start();
    raw_client client = begin();
    BOOST_TEST(client.read_at_least(4) == "fine");
    client.send(some_bytes(1'000'000)).half_close();
    BOOST_TEST((client.read_to_end().how == ending::fin));
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(upstream.requests().at(0).body.size() == 1'005'000u);
}

// It knows Content-Length only, and says in HTTP/1.0 that it stored nothing.
BOOST_AUTO_TEST_CASE(a_service_that_speaks_http_1_0_gets_whole_payloads_in_place_of_streams) {
    upstream.by_default([](conversation& talk) {
        talk.read_body();
        const std::size_t stored =
            talk.request().count("Content-Length") == 0 ? 0 : talk.request().body.size();
        const std::string line = "stored " + std::to_string(stored) + " bytes";
        talk.send("HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(line.size()) + "\r\n\r\n" +
                  line);
        talk.finish();
    });
    config.spill_above = 100'000; // beyond it the payload waits in a file
    start();
    expect_refusal(exchange(some_bytes(5'000)), reason::upstream_incomplete);
    BOOST_TEST(log.of("upstream response refused").at(0).at("what") ==
               "HTTP/1.0 to a request in chunks, which it cannot have read");
    for (const std::size_t size : {5'000u, 300'000u}) {
        BOOST_TEST(exchange(some_bytes(size)).bytes == "stored " + std::to_string(size) + " bytes");
        const auto seen = upstream.requests().back();
        BOOST_TEST(seen.field("Content-Length") == std::to_string(size));
        BOOST_TEST(seen.count("Transfer-Encoding") == 0u);
        BOOST_TEST((seen.body == some_bytes(size)));
    }
    BOOST_TEST(access_line(3).number("bytes_in") == 300'000);
    // Until it speaks HTTP/1.1.
    upstream.by_default(echo_chunks);
    BOOST_TEST((exchange(some_bytes(5'000)).bytes == some_bytes(5'000)));
    BOOST_TEST((exchange(some_bytes(5'000)).bytes == some_bytes(5'000)));
    BOOST_TEST(upstream.requests().back().count("Transfer-Encoding") == 1u);
}

// Of two endpoints one speaks HTTP/1.0. Whichever is chosen when, the windows go when they are not
// needed.
BOOST_AUTO_TEST_CASE(a_payload_that_is_held_back_after_all_holds_no_windows) {
    std::atomic<int> whole{0}, with_windows{0};
    const auto answer = [&](std::string line) {
        return [&, line](conversation& talk) {
            talk.read_body();
            const bool is_whole = talk.request().field("Content-Length") == "50000";
            if (is_whole) ++whole;
            if (is_whole && counters.buffered_bytes.value() > 100'000) ++with_windows;
            talk.send(line + "Content-Length: 2\r\n\r\nok");
        };
    };
    scripted_upstream old;
    old.by_default(answer("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"));
    upstream.by_default(answer("HTTP/1.1 200 OK\r\n"));
    service.endpoints = {old.url(), upstream.url()};
    start();
    for (int i = 0; i < 8; ++i) {
        exchange(some_bytes(50'000));
        if (i % 2 == 0) exchange("x"); // the turns shift
    }
    BOOST_TEST(whole >= 2);
    BOOST_TEST(with_windows == 0);
}

BOOST_AUTO_TEST_CASE(a_payload_that_is_held_back_for_http_1_0_has_every_limit) {
    upstream.by_default(
        scripted_upstream::raw_then_fin("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    config.max_payload = 100'000;
    config.decode = codec::base64;
    start();
    BOOST_TEST(exchange("AAAA").bytes == "ok"); // how the service speaks is known now
    raw_client large = connect();
    large.send_some(std::string(200'000, 'A'), 5s);
    expect_refusal(large.read_to_end(), reason::too_large);
    expect_refusal(exchange(std::string(4'000, 'A') + "A?AA"), reason::bad_encoding);
    raw_client gone = connect();
    gone.send(std::string(4'000, 'A'));
    BOOST_TEST(until([&] {
        const auto all = door().session_views(1);
        return all.size() == 1 && all[0].stage == session_stage::stream;
    }));
    gone.reset();
    BOOST_TEST(access_line(4).at("reason") == "aborted_read");
    BOOST_TEST(exchange(std::string(4'000, 'A')).bytes == "ok");
    BOOST_TEST(upstream.requests().back().body.size() == 3'000u);
    BOOST_TEST(upstream.count() == 2u);
}

BOOST_AUTO_TEST_CASE(an_error_status_without_a_body_is_refused_even_where_they_are_relayed) {
    service.on_status = status_policy::relay;
    upstream.by_default([](conversation& talk) {
        talk.read_body();
        talk.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    });
    start();
    expect_refusal(exchange(some_bytes(5'000)), reason::upstream_status);
}

BOOST_AUTO_TEST_CASE(a_service_that_is_no_http_is_known_by_its_first_bytes) {
    upstream.by_default([](conversation& talk) {
        talk.send("220 mail.example ESMTP ready\r\n");
        talk.stay_silent();
    });
    start();
    raw_client client = begin();
    expect_refusal(client.read_to_end(), reason::upstream_invalid); // the client has not ended
}

BOOST_AUTO_TEST_CASE(a_coding_that_was_not_asked_for_is_refused) {
    upstream.by_default([](conversation& talk) {
        talk.read_body();
        talk.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b");
    });
    start();
    expect_refusal(exchange(some_bytes(5'000)), reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(a_stream_in_flight_is_finished_by_a_drain) {
    start();
    raw_client client = begin();
    auto drained = drain(20s);
    BOOST_TEST(until([&] { return !accepting(); }));
    client.send("the rest").half_close();
    BOOST_TEST((client.read_to_end().bytes == some_bytes(5'000) + "the rest"));
    BOOST_TEST(completes(drained));
    BOOST_TEST(counters.cut.value() == 0u);
}

BOOST_AUTO_TEST_CASE(a_stop_cuts_a_stream) {
    start();
    raw_client client = begin();
    stop_gateway();
    expect_refusal(client.read_to_end(),
                   reason::upstream_incomplete); // the service has a part of it
    expect_cut_at_the_upstream();
    BOOST_TEST(counters.cut.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stop_cuts_a_reply_that_has_begun) {
    upstream.by_default(echo_chunks);
    start();
    raw_client client = begin();
    client.read_at_least(5'000);
    stop_gateway();
    expect_reset(client.read_to_end(), "draining");
    expect_cut_at_the_upstream();
}

BOOST_AUTO_TEST_CASE(who_resets_after_its_end_is_not_waited_for_where_that_is_configured) {
    config.on_client_reset = client_reset_policy::cancel;
    upstream.by_default(scripted_upstream::never());
    start();
    raw_client client = begin();
    client.half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    BOOST_TEST(access_line().at("reason") == "aborted_handle");
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST(counters.client_gone.value() == 1u);
}

BOOST_AUTO_TEST_CASE(who_resets_after_its_end_does_not_stop_the_service) {
    upstream.by_default([](conversation& talk) {
        talk.read_body();
        talk.wait_for_gate();
        talk.send(response(200, some_bytes(3'000'000)));
    });
    start();
    raw_client client = begin();
    client.half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    BOOST_TEST(until([&] { return counters.client_gone.value() == 1; }));
    upstream.open_gate();
    BOOST_TEST(access_line().at("reason") == "aborted_reply");
    BOOST_TEST(access_line().at("status") == "200");
    BOOST_TEST(counters.upstream_idle.value() == 1); // the response was read to its end
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_takes_its_streams_with_it) {
    metrics numbers;
    std::optional<raw_client> client;
    {
        boost::asio::io_context io;
        upstream_config behind;
        behind.endpoints = {upstream.url()};
        http_upstream service_door(io.get_executor(), behind, numbers);
        config.listen = {parse_socket_address("127.0.0.1:0").value()};
        const std::vector<listener_group> groups{
            {config, service_door.as_handler(), service_door.as_streaming_handler()}};
        gateway gateway_door(event_loops::shared(io.get_executor()), groups, numbers);
        gateway_door.start();
        client.emplace(gateway_door.endpoints().front());
        client->send(some_bytes(5'000));
        BOOST_TEST(until([&] {
            io.run_for(1ms);
            return upstream.count() == 1u;
        }));
    }
    BOOST_TEST((client->read_to_end().how == ending::reset));
    BOOST_TEST(until([&] { return upstream.requests().at(0).cut; }));
    BOOST_TEST(upstream.complete() == 0u);
}

BOOST_AUTO_TEST_CASE(what_either_direction_throws_is_in_the_log) {
    upstream.by_default(echo_chunks);
    for (const bool reads : {true, false}) {
        boost::asio::io_context io;
        metrics numbers;
        log_recorder lines;
        upstream_config behind;
        behind.endpoints = {upstream.url()};
        http_upstream service_door(io.get_executor(), behind, numbers);
        const auto streams = [&](request of,
                                 exchange_stream& client) -> boost::asio::awaitable<reply> {
            throwing_stream broken(client, reads);
            const streaming_handler inner = service_door.as_streaming_handler();
            reply got = co_await inner(std::move(of), broken);
            co_return got;
        };
        config.listen = {parse_socket_address("127.0.0.1:0").value()};
        const std::vector<listener_group> groups{{config, service_door.as_handler(), streams}};
        gateway gateway_door(event_loops::shared(io.get_executor()), groups, numbers,
                             lines.as_logger());
        gateway_door.start();
        raw_client client(gateway_door.endpoints().front());
        client.send(some_bytes(5'000)).half_close();
        BOOST_TEST(until([&] {
            io.run_for(1ms);
            return lines.count("exchange") == 1;
        }));
        BOOST_TEST(refusal_reason(client.read_to_end().bytes) == "internal");
        BOOST_REQUIRE(lines.count("handler failed") == 1u);
        BOOST_TEST(lines.of("handler failed").front().at("what") == "no paper");
        service_door.close();
        gateway_door.stop();
        io.run_for(100ms);
    }
    BOOST_TEST(upstream.complete() == 1u); // the one whose reply could not be passed on
}

BOOST_FIXTURE_TEST_CASE(tls_on_both_sides, secure_fixture) {
    if (!begin()) return;
    for (const std::size_t size : {2'000u, 40'000u, 3'000'000u}) {
        upstream.by_default(size == 40'000u ? scripted_upstream::chunked_echo()
                                            : scripted_upstream::echo());
        const auto got = secure_exchange(some_bytes(size));
        BOOST_TEST((got.bytes == some_bytes(size)));
        BOOST_TEST((got.how == tls_client::ending::close_notify));
    }
    BOOST_TEST(upstream.requests().back().field("Transfer-Encoding") == "chunked");
    BOOST_TEST(counters.replied.value() == 3u);
}

BOOST_FIXTURE_TEST_CASE(a_client_without_a_close_notify_has_not_ended, secure_fixture) {
    if (!begin()) return;
    tls_client client = begun();
    client.raw().half_close();
    const auto got = client.read_to_end();
    BOOST_TEST(refusal_reason(got.bytes) == "tls_truncated");
    expect_cut();
}

BOOST_FIXTURE_TEST_CASE(a_reset_under_tls_is_no_end_for_the_upstream, secure_fixture) {
    if (!begin()) return;
    tls_client client = begun();
    client.raw().reset();
    expect_cut();
    BOOST_TEST(access_line().at("reason") == "aborted_read");
}

BOOST_AUTO_TEST_CASE(a_streamed_payload_is_read_by_the_same_rules_as_one_in_memory) {
    config.decode = codec::base64;
    config.base64.whitespace = true;
    config.trim = trimming::nul;
    upstream.by_default(echo_chunks);
    start();
    const std::string data = some_bytes(300'000);
    std::string plain(base64::encoded_size(data.size()), '\0'), text;
    base64::encode(std::as_bytes(std::span(data)), plain.data());
    for (char c : plain) {
        if (text.size() % 77 == 76) text += '\n';
        text += c;
    }
    BOOST_TEST((exchange_both_ways(text + "\n" + std::string(100'000, '\0')).bytes == data));
}

BOOST_AUTO_TEST_CASE(the_end_of_a_streamed_payload_is_trimmed_and_no_other_run) {
    config.trim = trimming::space;
    upstream.by_default(echo_chunks);
    start();
    const std::string gaps =
        some_bytes(100'000) + std::string(300'000, ' ') + "\r\nx " + some_bytes(5'000, 2) + "y";
    BOOST_TEST((exchange_both_ways(gaps + std::string(200'000, ' ') + "\n").bytes == gaps));
    BOOST_TEST((exchange_both_ways(gaps).bytes == gaps));
}

BOOST_AUTO_TEST_SUITE_END()
