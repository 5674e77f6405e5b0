// A drain completes whatever token a host uses, and can be given up.
#include "support/gateway_fixture.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <future>
#include <string>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

struct fixture : gateway_fixture {
    // A client whose exchange is with the upstream until the gate opens.
    raw_client in_flight() {
        upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
        start();
        raw_client client = connect();
        client.send("hello").half_close();
        BOOST_TEST(upstream.wait_for_requests(1));
        return client;
    }
    // By a callback on a strand, as a multi-threaded host does it.
    std::future<error_code> drain_until_cancelled(duration grace) {
        const auto told = std::make_shared<std::promise<error_code>>();
        const auto begin = [this, grace, told] {
            const auto done = [told](error_code ec) { told->set_value(ec); };
            door().async_drain(grace, asio::bind_cancellation_slot(
                                          give_up.slot(), asio::bind_executor(strand, done)));
        };
        asio::post(strand, begin);
        return told->get_future();
    }
    void cancel(asio::cancellation_type how) {
        asio::post(strand, [this, how] { give_up.emit(how); });
    }

    // The strand must not outlive its context.
    void teardown() {
        strand = {};
        gateway_fixture::teardown();
    }

    asio::cancellation_signal give_up;
    asio::any_io_executor strand = asio::make_strand(executor());
};

template <class T>
bool arrives(std::future<T>& what) {
    return what.wait_for(20s) == std::future_status::ready;
}

asio::awaitable<error_code> by_coroutine(gateway& door) {
    const duration grace = 10s;
    auto [ec] = co_await door.async_drain(grace, asio::as_tuple(asio::use_awaitable));
    co_return ec;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(async_drain, fixture)

BOOST_AUTO_TEST_CASE(any_completion_token_will_do) {
    raw_client client = in_flight();
    std::promise<error_code> called, deferred, awaited;
    auto by_callback = called.get_future(), later = deferred.get_future(),
         spawned = awaited.get_future();
    door().async_drain(10s, [&](error_code ec) { called.set_value(ec); });
    auto future = door().async_drain(10s, asio::use_future);
    door().async_drain(10s, asio::deferred)([&](error_code ec) { deferred.set_value(ec); });
    asio::co_spawn(executor(), by_coroutine(door()), [&](std::exception_ptr failed, error_code ec) {
        if (failed)
            awaited.set_exception(failed);
        else
            awaited.set_value(ec);
    });
    BOOST_TEST((by_callback.wait_for(100ms) == std::future_status::timeout));
    upstream.open_gate();
    BOOST_TEST(client.read_to_end().bytes == "hello");
    BOOST_TEST_REQUIRE(
        (arrives(by_callback) && arrives(future) && arrives(later) && arrives(spawned)));
    BOOST_TEST(!by_callback.get());
    BOOST_CHECK_NO_THROW(future.get());
    BOOST_TEST(!later.get());
    BOOST_TEST(!spawned.get());
}

BOOST_AUTO_TEST_CASE(a_handler_that_can_only_be_moved_will_do) {
    start();
    std::promise<error_code> told;
    auto done = told.get_future();
    door().async_drain(10s,
                       [told = std::move(told)](error_code ec) mutable { told.set_value(ec); });
    BOOST_TEST_REQUIRE(arrives(done));
    BOOST_TEST(!done.get());
}

// Not started: there is nothing to wait for.
BOOST_AUTO_TEST_CASE(it_never_completes_within_the_call_on_a_loop_with_one_thread_either) {
    asio::io_context io(1);
    gateway_config rules;
    rules.listen = {parse_socket_address("127.0.0.1:0").value()};
    metrics counted;
    const auto refuse = [](request) -> asio::awaitable<reply> { co_return reply(reason::busy); };
    gateway door(event_loops::per_thread({io.get_executor()}), {{rules, refuse}}, counted);
    int told = 0, told_within = 0;
    asio::post(io, [&] {
        door.async_drain(10s, [&](error_code) { ++told; });
        told_within = told;
    });
    while (told == 0) io.run_one();
    BOOST_TEST(told_within == 0);
}

BOOST_AUTO_TEST_CASE(the_listeners_are_closed_when_the_call_returns) {
    start();
    auto held = hold_threads();
    const socket_address at = address();
    auto done = door().async_drain(10s, asio::use_future);
    BOOST_CHECK_THROW(raw_client{at}, std::system_error);
    BOOST_TEST(!accepting());
    held.reset();
    BOOST_TEST(arrives(done));
}

BOOST_AUTO_TEST_CASE(a_cancellation_gives_up_the_waiting_and_cuts_nothing) {
    raw_client client = in_flight();
    auto done = drain_until_cancelled(1h);
    cancel(asio::cancellation_type::total);
    BOOST_TEST_REQUIRE(arrives(done));
    BOOST_TEST((done.get() == asio::error::operation_aborted));
    BOOST_TEST(!accepting());
    BOOST_TEST(sessions() == 1u);
    upstream.open_gate();
    BOOST_TEST(client.read_to_end().bytes == "hello");
}

BOOST_AUTO_TEST_CASE(it_can_be_cancelled_before_it_has_begun_and_after_it_has_ended) {
    start();
    auto held = hold_threads();
    auto first = drain_until_cancelled(1h);
    cancel(asio::cancellation_type::terminal);
    held.reset();
    BOOST_TEST_REQUIRE(arrives(first));
    const error_code ended = first.get(); // one of the two was first
    BOOST_TEST((!ended || ended == asio::error::operation_aborted));
    auto second = drain_until_cancelled(1h);
    BOOST_TEST_REQUIRE(arrives(second));
    BOOST_TEST(!second.get());
    cancel(asio::cancellation_type::terminal);
}

BOOST_AUTO_TEST_CASE(it_can_be_cancelled_while_it_waits_for_what_was_stopped) {
    // A handler that watches nothing: a stop cannot end it.
    std::promise<void> let_go;
    const std::shared_future<void> signal = let_go.get_future().share();
    start([signal](request asked) -> asio::awaitable<reply> {
        signal.wait_for(20s);
        co_return reply(std::move(asked.body()));
    });
    raw_client client = connect();
    client.send("hello").half_close();
    BOOST_TEST(log.wait_for("accepted"));
    BOOST_TEST(wait_for_bytes_in(1));
    auto done = drain_until_cancelled(0ms);
    BOOST_TEST((done.wait_for(100ms) == std::future_status::timeout));
    cancel(asio::cancellation_type::partial);
    BOOST_TEST_REQUIRE(arrives(done));
    BOOST_TEST((done.get() == asio::error::operation_aborted));
    let_go.set_value();
}

BOOST_AUTO_TEST_CASE(the_longest_grace_there_is_does_not_wrap_around) {
    raw_client client = in_flight();
    auto done = door().async_drain(duration::max(), asio::use_future);
    BOOST_TEST((done.wait_for(100ms) == std::future_status::timeout));
    upstream.open_gate();
    BOOST_TEST(client.read_to_end().bytes == "hello");
    BOOST_TEST(arrives(done));
}

// Each drain stops the sessions once. A stop wakes whoever waits for their end, and so the other
// drain: it must not stop them again, and wake the first.
BOOST_AUTO_TEST_CASE(two_drains_past_their_grace_wait_and_do_not_wake_each_other) {
    asio::io_context io(1);
    bool works = false;
    asio::steady_timer end(io, asio::steady_timer::time_point::max());
    const auto stubborn = [&](request) -> asio::awaitable<reply> { // it names nothing to cancel
        works = true;
        auto [ec] = co_await end.async_wait(asio::as_tuple(asio::use_awaitable));
        static_cast<void>(ec);
        co_return reply(payload("done"));
    };
    gateway_config rules;
    rules.listen = {parse_socket_address("127.0.0.1:0").value()};
    metrics counted;
    gateway door(io.get_executor(), rules, stubborn, counted);
    door.start();
    raw_client client(door.endpoints().front());
    client.send("hello").half_close();
    while (!works) io.run_one();
    int drained = 0;
    for (int i = 0; i < 2; ++i) door.async_drain(1ms, [&](error_code) { ++drained; });
    // The second stop is the last thing that happens before the handler ends.
    const auto until = std::chrono::steady_clock::now() + 50ms;
    int steps = 0;
    while (std::chrono::steady_clock::now() < until) steps += static_cast<int>(io.poll_one());
    BOOST_TEST(steps < 100);
    BOOST_TEST(drained == 0);
    end.cancel();
    while (drained < 2) io.run_one();
    BOOST_TEST(door.sessions() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
