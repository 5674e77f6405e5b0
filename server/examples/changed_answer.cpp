// A handler around the forwarder: every payload goes to an HTTP service, and its answer is changed
// on the way back.
//
//   changed_answer [LISTEN [URL]]     127.0.0.1:5000 and http://127.0.0.1:3000/upload without
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <finpost/gateway.hpp>
#include <finpost/http_upstream.hpp>
#include <finpost/metrics.hpp>

#include <chrono>
#include <csignal>
#include <iostream>
#include <span>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

//! [change the answer]
// The service's answer, and a line with the number under which it can be found in every log. A
// refusal goes on as it is.
asio::awaitable<finpost::reply> with_a_number(finpost::request asked, finpost::handler ask) {
    const std::string line = "number " + std::string(asked.id().text()) + '\n';
    finpost::reply answer = co_await ask(std::move(asked));
    if (!answer.refused() && !answer.bytes().append(std::as_bytes(std::span(line))))
        co_return finpost::reply(finpost::reason::busy); // `max_buffered` is reached
    co_return answer;
}
//! [change the answer]

} // namespace

int main(int argc, char** argv) {
    finpost::metrics counters;
    asio::io_context io;

    //! [forward to a service]
    finpost::upstream_config service;
    service.endpoints = {
        finpost::parse_http_url(argc > 2 ? argv[2] : "http://127.0.0.1:3000/upload").value()};
    finpost::http_upstream upstream(io.get_executor(), service, counters);
    upstream.start(); // looks names up, and checks health where that is asked for
    //! [forward to a service]

    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address(argc > 1 ? argv[1] : "127.0.0.1:5000").value()};
    const finpost::handler ask = upstream.as_handler();
    const auto answer = [ask](finpost::request asked) {
        return with_a_number(std::move(asked), ask);
    };
    finpost::gateway gateway(io.get_executor(), config, answer, counters);
    gateway.start();

    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) {
        gateway.async_drain(10s, [&](finpost::error_code) { upstream.close(); });
    });
    std::cout << "listening on " << to_string(gateway.endpoints().front()) << std::endl;
    io.run();
}
