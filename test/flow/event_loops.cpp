// One gateway on several event loops, each with a thread of its own.
#include "support/gateway_fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace asio = boost::asio;
using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

struct four_loops : gateway_fixture {
    four_loops() { loops = 4; }

    // Clients of many source ports, so that the kernel gives each loop some.
    void serve(std::size_t clients) {
        for (std::size_t i = 0; i < clients; ++i) {
            const std::string payload = some_bytes(1 + 37 * i, static_cast<unsigned>(i));
            BOOST_TEST((exchange(payload).bytes == payload));
        }
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(event_loops, four_loops)

BOOST_AUTO_TEST_CASE(every_loop_has_clients_and_a_session_stays_where_it_began) {
    std::mutex mutex;
    std::set<std::thread::id> threads_seen;
    std::size_t moved = 0;
    start([&](request asked) -> asio::awaitable<reply> {
        const auto began = std::this_thread::get_id();
        asio::any_io_executor executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, 1ms);
        auto [ec] = co_await timer.async_wait(as_result);
        static_cast<void>(ec);
        const std::lock_guard lock(mutex);
        threads_seen.insert(began);
        if (std::this_thread::get_id() != began) ++moved;
        co_return reply(std::move(asked.body()));
    });
    serve(200);
    BOOST_TEST(threads_seen.size() == 4u);
    BOOST_TEST(moved == 0u);
}

BOOST_AUTO_TEST_CASE(one_loop_alone_serves_everybody) {
    loops = 1;
    start();
    serve(20);
    BOOST_TEST(upstream.complete() == 20u);
}

BOOST_AUTO_TEST_CASE(a_session_is_on_its_loop_itself_for_one_thread_needs_no_strand) {
    std::atomic<std::size_t> on_the_loop{0};
    start([&](request asked) -> asio::awaitable<reply> {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        if (executor.target<asio::io_context::executor_type>() != nullptr) ++on_the_loop;
        co_return reply(std::move(asked.body()));
    });
    serve(20);
    BOOST_TEST(on_the_loop == 20u);
}

BOOST_AUTO_TEST_CASE(each_loop_keeps_connections_of_its_own) {
    start();
    serve(200);
    std::map<std::size_t, std::size_t> exchanges; // by connection
    for (const auto& one : upstream.requests()) ++exchanges[one.connection];
    BOOST_TEST(exchanges.size() == 4u);
    BOOST_TEST(upstream.complete() == 200u);
}

BOOST_AUTO_TEST_CASE(the_limits_count_for_all_together) {
    config.max_connections = 3;
    start(
        [](request asked) -> asio::awaitable<reply> { co_return reply(std::move(asked.body())); });
    std::vector<raw_client> idle;
    for (int i = 0; i < 3; ++i) {
        idle.push_back(connect());
        idle.back().send("x");
    }
    BOOST_TEST_REQUIRE(wait_for_bytes_in(3));
    raw_client fourth = connect();
    fourth.send("y").half_close();
    BOOST_TEST(sessions() == 3u);
    idle.front().half_close();
    BOOST_TEST(idle.front().read_to_end().bytes == "x");
    BOOST_TEST(fourth.read_to_end().bytes == "y");
    for (std::size_t i = 1; i < idle.size(); ++i)
        BOOST_TEST(idle[i].half_close().read_to_end().bytes == "x");
}

BOOST_AUTO_TEST_CASE(another_gateway_is_told_that_the_address_is_in_use) {
    start();
    four_loops second;
    second.config.listen = {address()};
    BOOST_CHECK_EXCEPTION(second.start(), boost::system::system_error, [&](const auto& failed) {
        return std::string(failed.what()).find(to_string(address())) != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(changed_rules_reach_every_loop) {
    start();
    listener_group other{
        config, [](request) -> asio::awaitable<reply> { co_return reply(payload("changed")); }};
    door().change({other});
    for (int i = 0; i < 40; ++i) BOOST_TEST(exchange("hello").bytes == "changed");
}

BOOST_AUTO_TEST_CASE(a_drain_ends_every_loop_s_sessions) {
    start();
    std::vector<raw_client> waiting;
    for (int i = 0; i < 40; ++i) {
        waiting.push_back(connect());
        waiting.back().send("x");
    }
    BOOST_TEST_REQUIRE(wait_for_bytes_in(40));
    drain(0s).get();
    for (raw_client& one : waiting)
        BOOST_TEST(one.read_to_end().bytes.starts_with("finpost: draining "));
    BOOST_TEST(sessions() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
