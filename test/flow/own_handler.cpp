// A handler of an embedding program's own.
#include "support/gateway_fixture.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/exchange_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdint>
#include <future>
#include <span>
#include <stdexcept>

namespace asio = boost::asio;
using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// Does what the payload says.
asio::awaitable<reply> obey(request asked) {
    const std::string word(asked.body().text());
    if (word == "throw") throw std::runtime_error("a bug in the handler");
    if (word == "throw a number") throw 42;
    if (word == "refuse") co_return reply(reason::busy);
    if (word == "nothing") co_return reply(payload());
    if (word == "throw late") {
        asio::any_io_executor executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, 20ms);
        auto [ec] = co_await timer.async_wait(as_result);
        throw std::runtime_error("a bug after " + ec.message());
    }
    co_return reply(std::move(asked.body()));
}

// Waits for a limit of its own, and for the gateway's stop.
asio::awaitable<reply> wait_long(request asked, exchange_deadline::duration limit) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 1h);
    const exchange_deadline::on_cancel cancel(asked.deadline(), [&timer] { timer.cancel(); });
    asked.deadline().arm(exchange_deadline::duration::zero(), limit, reason::upstream_timeout);
    auto [ec] = co_await timer.async_wait(as_result);
    static_cast<void>(ec);
    co_return reply(to_reason(asked.deadline().error()));
}

// Counts what comes, and answers with the number. What it does at the first byte, the byte says.
asio::awaitable<reply> count_bytes(request asked, exchange_stream& client) {
    std::array<std::byte, 1'000> buffer;
    std::size_t count = 0;
    BOOST_TEST(asked.streamed());
    BOOST_TEST(asked.body().empty());
    while (!client.complete()) {
        const std::span<std::byte> into(buffer);
        auto got = co_await client.read(into);
        if (got.has_error()) co_return reply(reason::busy); // the client's own reason counts
        count += *got;
        const auto first = static_cast<char>(buffer[0]);
        if (first == 'T') throw std::runtime_error("a bug in the middle");
        if (first == 'E') co_return reply(payload("that will do"));
        if (first == 'W') {
            const std::span<const std::byte> back(buffer.data(), *got);
            error_code failed = co_await client.write(back);
            if (failed) co_return reply(reason::busy);
            if (count > 4'000) co_return reply(reason::busy);
        }
    }
    co_return reply(payload(std::to_string(count)));
}

// Waits for something of its own while it reads.
asio::awaitable<reply> wait_for_nothing(request asked, exchange_stream& client) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 1h);
    client.on_cancel([&timer] { timer.cancel(); });
    client.limit(exchange_deadline::clock::now() + 200ms, reason::upstream_timeout);
    auto [ec] = co_await timer.async_wait(as_result);
    client.on_cancel({});
    static_cast<void>(ec);
    BOOST_TEST(asked.streamed());
    co_return reply(to_reason(client.error()));
}

struct streamed_to_a_handler : gateway_fixture {
    void begin(streaming_handler streams) {
        config.stream_above = 1'000;
        start(obey, std::move(streams));
    }
    raw_client sending(std::size_t size, char what) {
        raw_client client = connect();
        client.send(std::string(size, what));
        return client;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(own_handler, gateway_fixture)

BOOST_AUTO_TEST_CASE(its_reply_and_its_refusal_reach_the_client) {
    start(obey);
    BOOST_TEST(exchange("hello").bytes == "hello");
    expect_refusal(exchange("refuse"), reason::busy);
    BOOST_TEST(exchange("nothing").bytes == "");
    BOOST_TEST(counters.replied.value() == 2u);
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(an_exception_is_a_refusal_for_its_own_client_only) {
    start(obey);
    const std::vector<std::string> payloads{"one",   "throw",          "two", "throw late",
                                            "three", "throw a number", "four"};
    const auto got = exchange_all(address(), payloads, payloads.size());
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        if (payloads[i].starts_with("throw"))
            expect_refusal(got[i], reason::internal);
        else
            BOOST_TEST(got[i].bytes == payloads[i]);
    }
    BOOST_TEST(refused(reason::internal) == 3u);
    BOOST_TEST(log.count("handler failed") == 3u);
    BOOST_TEST((log.of("handler failed").at(0).level == log_level::error));
    BOOST_TEST(exchange("still there").bytes == "still there");
}

BOOST_AUTO_TEST_CASE(a_function_that_throws_before_it_is_a_coroutine) {
    start([](request asked) -> asio::awaitable<reply> {
        if (asked.body().text() == "throw") throw std::runtime_error("no coroutine yet");
        return obey(std::move(asked));
    });
    expect_refusal(exchange("throw"), reason::internal);
    BOOST_TEST(exchange("hello").bytes == "hello");
}

BOOST_AUTO_TEST_CASE(its_time_limit_ends_its_wait) {
    start([](request asked) { return wait_long(std::move(asked), 200ms); });
    expect_refusal(exchange("x"), reason::upstream_timeout);
}

BOOST_AUTO_TEST_CASE(a_stop_ends_its_wait) {
    start([](request asked) { return wait_long(std::move(asked), 1h); });
    raw_client client = connect();
    client.send("x").half_close();
    BOOST_TEST(log.wait_for("accepted"));
    auto drained = drain(100ms);
    expect_refusal(client.read_to_end(), reason::draining);
    BOOST_TEST(completes(drained));
}

// A megabyte in pieces, and how it was kept.
struct large_reply {
    bool spilled = false;
    error_code failed;
    std::int64_t buffered = 0;
};
asio::awaitable<reply> answer_much(request asked, std::promise<large_reply>& told,
                                   const metrics& counters) {
    large_reply seen;
    payload much = asked.make_reply_buffer();
    const std::string piece(1'000, 'x');
    for (int i = 0; i < 1'000 && !seen.failed; ++i)
        seen.failed = much.write(std::as_bytes(std::span(piece)));
    seen.spilled = much.spilled();
    seen.buffered = counters.buffered_bytes.value();
    told.set_value(seen); // the test runs in another thread
    if (seen.failed) co_return reply(to_reason(seen.failed));
    co_return reply(std::move(much));
}

BOOST_AUTO_TEST_CASE(a_large_reply_that_it_builds_goes_to_a_file) {
    config.spill_above = 100'000;
    std::promise<large_reply> told;
    start([&](request asked) { return answer_much(std::move(asked), told, counters); });
    BOOST_TEST((exchange("x").bytes == std::string(1'000'000, 'x')));
    const large_reply seen = told.get_future().get();
    BOOST_TEST(!seen.failed);
    BOOST_TEST(seen.spilled);
    BOOST_TEST(seen.buffered < 100'000);
}

BOOST_AUTO_TEST_CASE(without_files_a_large_reply_stays_within_the_buffered_bytes) {
    config.spill_above = 0;
    config.max_payload = 100'000;
    config.max_buffered = 500'000;
    std::promise<large_reply> told;
    start([&](request asked) { return answer_much(std::move(asked), told, counters); });
    expect_refusal(exchange("x"), reason::busy);
    const large_reply seen = told.get_future().get();
    BOOST_TEST((seen.failed == reason::busy));
    BOOST_TEST(!seen.spilled);
    BOOST_TEST(seen.buffered > 100'000);
    BOOST_TEST(seen.buffered <= 500'000);
}

BOOST_AUTO_TEST_CASE(it_sees_who_asked) {
    start([](request asked) {
        const std::string seen = to_string(asked.peer()) + ' ' + to_string(asked.local()) + ' ' +
                                 std::string(asked.id().text());
        asked.body() = payload(seen);
        return obey(std::move(asked));
    });
    raw_client client = connect();
    const std::string addresses = to_string(client.local()) + ' ' + to_string(address()) + ' ';
    client.send("x").half_close();
    const std::string got = client.read_to_end().bytes;
    BOOST_TEST(got == addresses + access_line().at("id"));
}

BOOST_FIXTURE_TEST_CASE(one_that_streams_reads_to_the_end_before_it_knows, streamed_to_a_handler) {
    begin(count_bytes);
    raw_client client = sending(5'000, 'x');
    client.send(std::string(500'000, 'x')).half_close();
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "505000");
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(exchange("hello").bytes == "hello"); // and the short ones go to the other
}

BOOST_FIXTURE_TEST_CASE(a_group_has_one_for_whole_payloads_and_one_for_streams,
                        streamed_to_a_handler) {
    asio::io_context io;
    config.listen = {parse_socket_address("127.0.0.1:0").value()};
    listener_group group{.config = config, .handler = obey};
    BOOST_TEST(!group.streaming_handler);
    group.config.stream_above = 1'000;
    BOOST_CHECK_THROW(gateway(event_loops::shared(io.get_executor()), {group}, counters),
                      config_error);
    group.streaming_handler = count_bytes;
    BOOST_CHECK_NO_THROW(gateway(event_loops::shared(io.get_executor()), {group}, counters));
    start(obey);
}

BOOST_FIXTURE_TEST_CASE(one_that_streams_may_answer_early, streamed_to_a_handler) {
    begin(count_bytes);
    raw_client client = sending(5'000, 'E');
    BOOST_TEST(client.read_to_end().bytes == "that will do");
}

BOOST_FIXTURE_TEST_CASE(one_that_streams_and_throws, streamed_to_a_handler) {
    begin(count_bytes);
    raw_client client = sending(5'000, 'T');
    expect_refusal(client.read_to_end(), reason::internal);
    BOOST_TEST(log.count("handler failed") == 1u);
}

BOOST_FIXTURE_TEST_CASE(one_that_streams_and_fails_when_its_reply_has_begun,
                        streamed_to_a_handler) {
    begin(count_bytes);
    raw_client client = sending(5'000, 'W');
    const auto got = client.read_to_end();
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(access_line().at("outcome") == "aborted");
    BOOST_TEST(access_line().at("reason") == "busy");
}

BOOST_FIXTURE_TEST_CASE(a_reply_is_what_was_written_and_then_what_is_returned,
                        streamed_to_a_handler) {
    begin(count_bytes);
    raw_client client = sending(2'000, 'W');
    BOOST_TEST((client.read_at_least(2'000) == std::string(2'000, 'W')));
    client.half_close();
    BOOST_TEST(client.read_to_end().bytes == "2000");
}

BOOST_FIXTURE_TEST_CASE(the_clients_own_fault_is_its_reason, streamed_to_a_handler) {
    config.receive_idle = 200ms;
    begin(count_bytes);
    expect_refusal(sending(5'000, 'x').read_to_end(), reason::receive_timeout);
}

BOOST_FIXTURE_TEST_CASE(a_limit_of_its_own_ends_its_wait, streamed_to_a_handler) {
    begin(wait_for_nothing);
    expect_refusal(sending(5'000, 'x').read_to_end(), reason::upstream_timeout);
}

BOOST_FIXTURE_TEST_CASE(one_that_takes_whole_payloads_is_never_given_a_stream,
                        streamed_to_a_handler) {
    BOOST_CHECK_EXCEPTION(begin({}), config_error, [](const config_error& error) {
        return error.problems().size() == 1 && error.problems()[0].field == "stream_above";
    });
    config.stream_above.reset();
    start(obey);
    raw_client client = sending(5'000, 'x');
    client.half_close();
    BOOST_TEST(client.read_to_end().bytes == std::string(5'000, 'x'));
}

BOOST_AUTO_TEST_SUITE_END()
