// A handler of an embedding program's own.
#include "support/gateway_fixture.hpp"

#include "finpost/watchdog.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

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
asio::awaitable<reply> wait_long(request asked, watchdog::span limit) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 1h);
    const watchdog::guard cancel(asked.dog(), [&timer] { timer.cancel(); });
    asked.dog().watch(watchdog::span::zero(), limit, reason::upstream_timeout);
    auto [ec] = co_await timer.async_wait(as_result);
    static_cast<void>(ec);
    co_return reply(to_reason(asked.dog().error()));
}

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
    const std::vector<std::string> payloads{"one", "throw", "two", "throw late", "three",
                                            "throw a number", "four"};
    const auto got = exchange_all(address(), payloads, payloads.size());
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        if (payloads[i].starts_with("throw")) expect_refusal(got[i], reason::internal);
        else BOOST_TEST(got[i].bytes == payloads[i]);
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

BOOST_AUTO_TEST_SUITE_END()
