#include "finpost/deadline_cancellation.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <functional>
#include <future>

namespace asio = boost::asio;
using namespace finpost;
using namespace std::chrono_literals;

namespace {

// Waits for an hour, or until it is given up.
asio::awaitable<error_code> wait_long(exchange_deadline& deadline) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 1h);
    finpost::deadline_cancellation limit(deadline, 1min, reason::upstream_timeout);
    auto token = asio::bind_cancellation_slot(limit.slot(), asio::as_tuple(asio::use_awaitable));
    auto [ec] = co_await timer.async_wait(token);
    BOOST_TEST((ec == asio::error::operation_aborted));
    co_return limit.error();
}

// Begins `wait_long`, and has `end` end it.
error_code waited_until(const std::function<void(exchange_deadline&)>& end) {
    exchange_deadline deadline;
    asio::io_context io;
    auto waited = asio::co_spawn(io, wait_long(deadline), asio::use_future);
    asio::post(io, [&] { end(deadline); });
    io.run_for(20s);
    BOOST_TEST_REQUIRE((waited.wait_for(0s) == std::future_status::ready));
    BOOST_TEST((deadline.when() == exchange_deadline::clock::time_point::max()));
    return waited.get();
}

} // namespace

BOOST_AUTO_TEST_SUITE(deadline_cancellation)

BOOST_AUTO_TEST_CASE(its_limit_cancels_what_is_bound_to_its_slot) {
    const auto ended = waited_until([](exchange_deadline& deadline) {
        deadline.expire(exchange_deadline::clock::now() + 2min);
    });
    BOOST_TEST((ended == reason::upstream_timeout));
}

BOOST_AUTO_TEST_CASE(a_stop_cancels_it_as_well) {
    const auto ended =
        waited_until([](exchange_deadline& deadline) { deadline.stop(reason::draining); });
    BOOST_TEST((ended == reason::draining));
}

BOOST_AUTO_TEST_CASE(nothing_is_left_of_it_when_it_goes) {
    exchange_deadline deadline;
    { const finpost::deadline_cancellation limit(deadline, 1min, reason::upstream_timeout); }
    BOOST_TEST((deadline.when() == exchange_deadline::clock::time_point::max()));
    deadline.expire(exchange_deadline::clock::now() + 2min);
    BOOST_TEST(!deadline.error());
}

BOOST_AUTO_TEST_SUITE_END()
