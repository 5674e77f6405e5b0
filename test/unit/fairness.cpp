#include "async/fairness.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {
namespace {

// A task that fails ends the loop's run with what it threw.
void start(asio::io_context& loop, asio::awaitable<void> work) {
    asio::co_spawn(asio::make_strand(loop), std::move(work), [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    });
}

asio::awaitable<void> count_turns(std::atomic<int>& count, int turns) {
    for (int i = 0; i < turns; ++i) {
        co_await fair_yield();
        ++count;
    }
}

asio::awaitable<void> hold_while_waiting(std::shared_ptr<int> held) {
    while (held) co_await fair_yield();
}

asio::awaitable<void> take_turns(std::string& record, char name, int turns) {
    for (int i = 0; i < turns; ++i) {
        co_await fair_yield();
        record += name;
    }
}

// What goes through the loop once for every letter it writes.
void small_work(asio::io_context& loop, std::string& record, int passes) {
    record += '.';
    if (passes > 1)
        asio::post(loop, [&loop, &record, passes] { small_work(loop, record, passes - 1); });
}

BOOST_AUTO_TEST_SUITE(fairness)

BOOST_AUTO_TEST_CASE(alone_nobody_is_waited_for) {
    asio::io_context loop(1);
    std::string record;
    start(loop, take_turns(record, 'a', 1));
    loop.run();
    BOOST_TEST(record == "a");
}

BOOST_AUTO_TEST_CASE(everybody_has_as_many_turns_in_the_order_of_asking) {
    asio::io_context loop(1);
    std::string record;
    for (const char name : {'a', 'b', 'c'}) start(loop, take_turns(record, name, 3));
    loop.run();
    BOOST_TEST(record == "aabcabcbc"); // `a` had the free one, and asked again before `b` came
}

BOOST_AUTO_TEST_CASE(small_work_is_through_after_as_many_turns_as_it_needs_passes) {
    asio::io_context loop(1);
    std::string record;
    for (char name = 'a'; name <= 'z'; ++name) start(loop, take_turns(record, name, 10));
    asio::post(loop, [&loop, &record] { small_work(loop, record, 6); });
    loop.run();
    BOOST_TEST(record.size() == 26 * 10 + 6u);
    BOOST_TEST(record.rfind('.') <= 2 * 6u,
               record.substr(0, 40)); // and not after 26 turns for each of its passes
}

BOOST_AUTO_TEST_CASE(a_turn_may_be_waited_for_on_any_thread_of_a_host) {
    asio::io_context loop(2);
    std::atomic<int> turns{0};
    for (int i = 0; i < 50; ++i) start(loop, count_turns(turns, 20));
    std::thread other([&loop] { loop.run(); });
    loop.run();
    other.join();
    BOOST_TEST(turns == 50 * 20);
}

BOOST_AUTO_TEST_CASE(who_is_busy_on_its_own_strand_keeps_nobody_from_a_turn) {
    asio::io_context loop(2);
    std::promise<void> others_had_theirs;
    bool waited = false;
    start(loop, [](std::promise<void>& others, bool& in_time) -> asio::awaitable<void> {
        co_await fair_yield();
        in_time =
            others.get_future().wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    }(others_had_theirs, waited));
    start(loop, [](std::promise<void>& others) -> asio::awaitable<void> {
        co_await fair_yield();
        others.set_value();
    }(others_had_theirs));
    std::thread other([&loop] { loop.run(); });
    loop.run();
    other.join();
    BOOST_TEST(waited);
}

BOOST_AUTO_TEST_CASE(who_waits_when_the_loop_is_destroyed_is_let_go) {
    const auto held = std::make_shared<int>();
    {
        asio::io_context loop(1);
        for (int i = 0; i < 3; ++i) start(loop, hold_while_waiting(held));
        for (int i = 0; i < 20; ++i) loop.run_one();
        BOOST_TEST(held.use_count() > 1);
    }
    BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace
} // namespace finpost::detail
