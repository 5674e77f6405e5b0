// A handler of one's own: answers without HTTP, and waits for something slow the right way.
//
//   custom_handler [LISTEN]            127.0.0.1:5000 without
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <finpost/deadline_cancellation.hpp>
#include <finpost/exchange_stream.hpp>
#include <finpost/gateway.hpp>
#include <finpost/metrics.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

//! [a handler that answers at once]
// The payload backwards; an empty one is refused.
asio::awaitable<finpost::reply> turn_around(finpost::request asked) {
    if (asked.body().empty()) co_return finpost::reply(finpost::reason::empty);
    const std::string_view text = asked.body().text();
    const std::string reversed(text.rbegin(), text.rend());
    co_return finpost::reply(reversed);
}
//! [a handler that answers at once]

//! [a handler that waits]
// The payload itself, when the device that it is for has had its 50 ms. When it takes longer than
// five seconds, or the gateway stops, what is bound to the slot of `limit` is cancelled.
asio::awaitable<finpost::reply> ask_a_device(finpost::request asked) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    asio::steady_timer device(executor, 50ms);
    finpost::deadline_cancellation limit(asked.deadline(), 5s, finpost::reason::upstream_timeout);
    auto token = asio::bind_cancellation_slot(limit.slot(), asio::as_tuple(asio::use_awaitable));
    auto [ec] = co_await device.async_wait(token);
    if (limit.error()) co_return finpost::reply(finpost::to_reason(limit.error()));
    if (ec) co_return finpost::reply(finpost::reason::upstream_unreachable);
    co_return finpost::reply(std::move(asked.body()));
}
//! [a handler that waits]

//! [a handler that streams]
// How many bytes came, in constant memory. A payload that is cut never gets to its end: nothing is
// made of it.
asio::awaitable<finpost::reply> measure(finpost::request, finpost::exchange_stream& client) {
    std::vector<std::byte> buffer(64 << 10);
    std::uint64_t size = 0;
    while (!client.complete()) {
        const std::span<std::byte> into(buffer);
        auto got = co_await client.read(into);
        if (got.has_error()) co_return finpost::reply(finpost::to_reason(got.error()));
        size += *got;
    }
    co_return finpost::reply(std::to_string(size) + " bytes");
}
//! [a handler that streams]

// One handler for both: it is a function, and may choose.
asio::awaitable<finpost::reply> answer(finpost::request asked) {
    if (asked.body().text().starts_with("device: ")) return ask_a_device(std::move(asked));
    return turn_around(std::move(asked));
}

} // namespace

int main(int argc, char** argv) {
    finpost::metrics counters; // first: it outlives everything that counts
    asio::io_context io;       // second: it outlives the gateway

    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address(argc > 1 ? argv[1] : "127.0.0.1:5000").value()};
    //! [both handlers]
    config.stream_above = 64 << 10;
    config.max_payload = 1 << 30;
    std::vector<finpost::listener_group> groups{{config, answer, measure}};
    finpost::gateway gateway(finpost::event_loops::shared(io.get_executor()), groups, counters);
    //! [both handlers]
    gateway.start();

    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { gateway.async_drain(10s, [](finpost::error_code) {}); });
    std::cout << "listening on " << to_string(gateway.endpoints().front()) << std::endl;
    io.run(); // returns when the last exchange is done
    std::cout << counters.replied.value() << " replies\n";
}
