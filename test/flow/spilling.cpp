// Payloads and replies that are too large for memory wait in a file.
#include "support/temporary_folder.hpp"
#include "support/tls_front.hpp"
#include "support/tls_gateway.hpp"
#include "support/until.hpp"

#include "finpost/base64.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <future>
#include <optional>

namespace asio = boost::asio;
using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t above = 64 << 10;

std::string encoded(std::string_view data) {
    std::string out(base64::encoded_size(data.size()), '\0');
    base64::encode(std::as_bytes(std::span(data)), out.data());
    return out;
}

struct fixture : tls_gateway {
    fixture() {
        config.tls = {};
        config.spill_above = above;
        config.spill_dir = folder.path().string();
    }
    bool until_spilled(std::size_t n) {
        return until(
            [this, n] { return counters.spilled_bytes.value() == static_cast<std::int64_t>(n); });
    }
    bool nothing_in_memory() {
        return until([this] { return counters.buffered_bytes.value() == 0; });
    }
    temporary_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(spilling, fixture)

BOOST_AUTO_TEST_CASE(a_large_payload_waits_in_a_file_and_so_does_its_reply) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    const std::string data = some_bytes(3'000'000);
    auto got = std::async(std::launch::async, [&] { return exchange(data); });
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(until_spilled(data.size()));
    BOOST_TEST(nothing_in_memory());
    BOOST_TEST(std::filesystem::is_empty(folder.path())); // the file has no name
    upstream.open_gate();
    BOOST_TEST((got.get().bytes == data));
    BOOST_TEST(upstream.requests().at(0).field("Content-Length") == "3000000");
    BOOST_TEST((upstream.requests().at(0).body == data));
    BOOST_TEST(until_spilled(0));
    BOOST_TEST(access_line().at("bytes_in") == "3000000");
    BOOST_TEST(access_line().at("bytes_out") == "3000000");
}

BOOST_AUTO_TEST_CASE(what_is_not_larger_stays_in_memory) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::raw(response(200, "done"))));
    start();
    raw_client small = connect(), large = connect();
    small.send(some_bytes(above)).half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(counters.spilled_bytes.value() == 0);
    large.send(some_bytes(above + 1)).half_close();
    BOOST_TEST(upstream.wait_for_requests(2));
    BOOST_TEST(until_spilled(above + 1));
    upstream.open_gate();
    BOOST_TEST(small.read_to_end().bytes == "done");
    BOOST_TEST(large.read_to_end().bytes == "done");
}

BOOST_AUTO_TEST_CASE(without_it_everything_stays_in_memory) {
    config.spill_above = 0;
    config.spill_dir = "/nonexistent"; // which nobody looks for then
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    const std::string data = some_bytes(3'000'000);
    auto got = std::async(std::launch::async, [&] { return exchange(data); });
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(counters.spilled_bytes.value() == 0);
    upstream.open_gate();
    BOOST_TEST((got.get().bytes == data));
}

BOOST_AUTO_TEST_CASE(nothing_is_forwarded_before_the_end_nor_after_a_reset) {
    start();
    raw_client client = connect();
    client.send(some_bytes(1 << 20));
    BOOST_TEST(until_spilled(1 << 20));
    BOOST_TEST(upstream.connections() == 0u);
    client.reset();
    BOOST_TEST(access_line().at("outcome") == "aborted");
    BOOST_TEST(until_spilled(0));
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(sizes_and_segments_of_any_kind) {
    start();
    for (const std::size_t size :
         std::initializer_list<std::size_t>{above - 1, above, above + 1, 2 * above, (256 << 10) + 1,
                                            (1 << 20) - 1, (1 << 20) + 1, 5'000'001}) {
        const std::string data = some_bytes(size, static_cast<unsigned>(size));
        BOOST_TEST((exchange(data).bytes == data), size);
    }
    raw_client client = connect();
    const std::string data = some_bytes(above + 2);
    client.send(std::string_view(data).substr(0, above));
    BOOST_TEST(wait_for_bytes_in(1));
    for (const char byte : data.substr(above)) client.send({&byte, 1});
    client.half_close();
    BOOST_TEST((client.read_to_end().bytes == data));
}

BOOST_AUTO_TEST_CASE(one_byte_too_many_is_refused) {
    config.max_payload = 1 << 20;
    start();
    BOOST_TEST((exchange(some_bytes(1 << 20)).bytes.size() == 1u << 20));
    expect_refusal(exchange(some_bytes((1 << 20) + 1)), reason::too_large);
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_stops_half_way_is_told) {
    config.receive_idle = 1s;
    start();
    const std::string data = some_bytes(1 << 20); // before the client's time begins
    raw_client client = connect();
    client.send(data);
    expect_refusal(client.read_to_end(), reason::receive_timeout);
    BOOST_TEST(until_spilled(0));
}

BOOST_AUTO_TEST_CASE(a_request_is_sent_again_from_its_first_byte) {
    upstream.on(2, [](scripted_upstream::conversation& talk) {
        talk.read_body();
        talk.reset();
    });
    start();
    BOOST_TEST(exchange("kept").bytes == "kept");
    const std::string data = some_bytes(2'000'000);
    BOOST_TEST((exchange(data).bytes == data));
    BOOST_TEST(counters.upstream_retries.value() == 1u);
    BOOST_TEST((upstream.requests().at(2).body == data));
}

BOOST_AUTO_TEST_CASE(replies_of_every_framing) {
    start();
    const std::string data = some_bytes(2'000'001);
    for (const auto& script :
         {scripted_upstream::echo(), scripted_upstream::chunked_echo(100'000),
          scripted_upstream::chunked_echo(9'999), scripted_upstream::close_delimited_echo()}) {
        upstream.by_default(script);
        const std::string got = exchange(data).bytes;
        BOOST_TEST((got == data), got.substr(0, 80));
    }
}

BOOST_AUTO_TEST_CASE(a_reply_waits_in_its_file_for_a_client_that_reads_late) {
    start();
    const std::string data = some_bytes(16u << 20);
    raw_client client = connect();
    client.send(data).half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(until_spilled(data.size())); // the payload's has gone, or the reply's has not come
    BOOST_TEST((client.read_to_end().bytes == data));
}

BOOST_AUTO_TEST_CASE(too_large_and_cut_replies_are_refused) {
    service.max_reply = 1 << 20;
    start();
    for (const auto& script : {scripted_upstream::echo(), scripted_upstream::chunked_echo(10'000),
                               scripted_upstream::close_delimited_echo()}) {
        upstream.by_default(script);
        expect_refusal(exchange(some_bytes((1 << 20) + 1)), reason::reply_too_large);
    }
    const std::string whole = response(200, some_bytes(1 << 20));
    upstream.by_default(scripted_upstream::raw_then_fin(whole.substr(0, whole.size() - 1)));
    expect_refusal(exchange("x"), reason::upstream_incomplete);
    BOOST_TEST(until_spilled(0));
}

BOOST_AUTO_TEST_CASE(a_reply_that_finds_no_memory_goes_to_a_file) {
    config.spill_above = 1 << 20;
    config.max_payload = config.max_buffered = 1 << 20;
    const std::string data = some_bytes(600'000);
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<std::future<raw_client::received>> both;
    for (int i = 0; i < 2; ++i)
        both.push_back(std::async(std::launch::async, [&] { return exchange(data); }));
    BOOST_TEST(upstream.wait_for_requests(1));
    upstream.open_gate();
    for (auto& one : both) {
        const auto got = one.get();
        BOOST_TEST_INFO("got " << got.bytes.size() << " bytes: " << got.bytes.substr(0, 60));
        BOOST_TEST((got.bytes == data));
    }
}

BOOST_AUTO_TEST_CASE(base64_both_ways) {
    config.decode = config.encode = codec::base64;
    start();
    for (const std::size_t size : std::initializer_list<std::size_t>{
             above / 4 * 3 + 1, above + 1, 200'000, 1'000'001, 3'000'002}) {
        const std::string data = some_bytes(size);
        BOOST_TEST((exchange(encoded(data) + "\r\n").bytes == encoded(data)), size);
        BOOST_TEST((upstream.requests().back().body == data));
    }
    BOOST_TEST(upstream.requests().back().field("Content-Length") == "3000002");
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_large_only_when_encoded) {
    config.encode = codec::base64;
    start();
    const std::string data = some_bytes(above - 5);
    BOOST_TEST((exchange(data).bytes == encoded(data)));
}

BOOST_AUTO_TEST_CASE(bad_base64_is_refused_wherever_it_stands) {
    config.decode = codec::base64;
    start();
    const std::string good = encoded(some_bytes(1'000'000));
    for (const std::size_t at : {std::size_t{100}, above + 1, good.size() - 3}) {
        std::string bad = good;
        bad[at] = '-';
        expect_refusal(exchange(bad), reason::bad_encoding);
    }
    expect_refusal(exchange(std::string_view(good).substr(0, good.size() - 1)),
                   reason::bad_encoding);
    BOOST_TEST(upstream.connections() == 0u);
    BOOST_TEST(log.count("bad encoding") == 4u);
    BOOST_TEST(log.of("bad encoding").at(1).at("offset") == std::to_string(above + 1));
}

BOOST_AUTO_TEST_CASE(over_tls_on_both_sides) {
    if (!ready()) return;
    config.tls = identity("server");
    tls_front front(make_server_tls(identity("server")).context, upstream.address());
    service.endpoints = {front.url()};
    service.tls.ca = made->path("ca.pem");
    service.tls.server_name = "server.test";
    start();
    for (const std::size_t size : {1'000'001u, 6'000'000u}) {
        const std::string data = some_bytes(size);
        BOOST_TEST((secure_exchange(data).bytes == data));
    }
    BOOST_TEST(until_spilled(0));
}

BOOST_AUTO_TEST_CASE(base64_over_tls) {
    if (!ready()) return;
    config.tls = identity("server");
    config.decode = config.encode = codec::base64;
    start();
    const std::string text = encoded(some_bytes(4'000'001));
    BOOST_TEST((secure_exchange(text).bytes == text));
}

BOOST_AUTO_TEST_CASE(a_handler_that_knows_nothing_of_files_sees_the_bytes) {
    start([](request asked) -> asio::awaitable<reply> {
        std::string text(asked.body().text());
        std::reverse(text.begin(), text.end());
        std::copy(text.begin(), text.end(), reinterpret_cast<char*>(asked.body().data()));
        co_return reply(std::move(asked.body()));
    });
    std::string data = some_bytes(1'000'000);
    const std::string got = exchange(data).bytes;
    std::reverse(data.begin(), data.end());
    BOOST_TEST((got == data));
}

BOOST_AUTO_TEST_CASE(what_is_streamed_goes_to_no_file) {
    config.stream_above = 4 * above;
    start();
    const std::string data = some_bytes(3'000'000);
    BOOST_TEST((exchange(data).bytes == data));
    BOOST_TEST(upstream.requests().at(0).field("Transfer-Encoding") == "chunked");
}

BOOST_AUTO_TEST_CASE(many_at_once) {
    start();
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < 60; ++i) payloads.push_back(some_bytes(i % 2 == 0 ? 700'000 : 700, i));
    const auto got = exchange_all(address(), payloads, 20);
    for (std::size_t i = 0; i < payloads.size(); ++i) BOOST_TEST((got[i].bytes == payloads[i]));
}

BOOST_AUTO_TEST_CASE(a_payload_in_a_file_is_read_by_the_same_rules_as_one_in_memory) {
    config.decode = codec::base64;
    config.base64.whitespace = true;
    config.trim = trimming::nul;
    start();
    const std::string data = some_bytes(300'000);
    std::string text;
    for (char c : encoded(data)) {
        if (text.size() % 77 == 76) text += '\n';
        text += c;
    }
    BOOST_TEST((exchange(text + "\n" + std::string(100'000, '\0')).bytes == data));
    expect_refusal(exchange(text + std::string(70'000, '\0') + "A"), reason::bad_encoding);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_payload_in_a_file_is_trimmed) {
    config.trim = trimming::space;
    start();
    const std::string data = some_bytes(300'000) + "x";
    BOOST_TEST((exchange(data + std::string(600'000, ' ')).bytes == data));
    expect_refusal(exchange(std::string(300'000, ' ')), reason::empty);
    BOOST_TEST((exchange(data).bytes == data));
}

BOOST_AUTO_TEST_SUITE_END()
