// A gateway in a program that has an event loop with one thread, and work of its own in it: a
// timer, and an HTTP server that shows what the gateway has counted.
//
//   beside_your_own_work [LISTEN [HTTP]]     127.0.0.1:5000 and 127.0.0.1:8080 without
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <finpost/gateway.hpp>
#include <finpost/metrics.hpp>

#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

void rethrow(std::exception_ptr failed) {
    if (failed) std::rethrow_exception(failed);
}

asio::awaitable<finpost::reply> count_bytes(finpost::request asked) {
    const std::string answer = "got " + std::to_string(asked.body().size()) + " bytes\n";
    co_return finpost::reply(answer);
}

asio::awaitable<void> show_numbers(tcp::socket socket, const finpost::metrics& counters) {
    beast::tcp_stream stream(std::move(socket));
    stream.expires_after(5s);
    beast::flat_buffer buffer;
    http::request<http::empty_body> asked;
    auto [failed, n] = co_await http::async_read(stream, buffer, asked, as_result);
    if (failed) co_return;
    http::response<http::string_body> answer(http::status::ok, asked.version());
    answer.body() = std::to_string(counters.replied.value()) + " replies\n";
    answer.keep_alive(false);
    answer.prepare_payload();
    auto [cut, sent] = co_await http::async_write(stream, answer, as_result);
    if (cut) std::cerr << "an HTTP client went away after " << sent << " bytes\n";
}

asio::awaitable<void> accept_http(tcp::acceptor& door, const finpost::metrics& counters) {
    for (;;) {
        auto [closed, socket] = co_await door.async_accept(as_result);
        if (closed) co_return;
        asio::co_spawn(door.get_executor(), show_numbers(std::move(socket), counters), rethrow);
    }
}

asio::awaitable<void> tick(asio::steady_timer& clock) {
    for (unsigned ticks = 1;; ++ticks) {
        clock.expires_after(100ms);
        auto [cancelled] = co_await clock.async_wait(as_result);
        if (cancelled) co_return;
        if (ticks == 1) std::cout << "the timer ticks" << std::endl;
    }
}

tcp::endpoint endpoint_of(const finpost::socket_address& address) {
    return {asio::ip::make_address(address.host()), address.port()};
}

} // namespace

int main(int argc, char** argv) {
    //! [embed a gateway]
    finpost::metrics counters; // first: it outlives everything that counts
    asio::io_context io(1);    // second: it outlives the gateway

    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address(argc > 1 ? argv[1] : "127.0.0.1:5000").value()};
    finpost::gateway gateway(io.get_executor(), config, count_bytes, counters);
    gateway.start(); // throws when an address cannot be bound
    //! [embed a gateway]

    const auto web = finpost::parse_socket_address(argc > 2 ? argv[2] : "127.0.0.1:8080").value();
    tcp::acceptor door(io, endpoint_of(web));
    asio::co_spawn(io, accept_http(door, counters), rethrow);
    asio::steady_timer clock(io);
    asio::co_spawn(io, tick(clock), rethrow);

    //! [drain by a callback]
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) {
        gateway.async_drain(10s, [&](finpost::error_code) { // no client is left
            door.close();
            clock.cancel();
        });
    });
    std::cout << "listening on " << to_string(gateway.endpoints().front()) << "\nnumbers at http://"
              << door.local_endpoint() << '/' << std::endl;
    io.run(); // returns when nothing is left to do
    //! [drain by a callback]
}
