// Two gateways in one process: nothing is shared but what the host shares. One takes anything, the
// other small payloads in Base64; each has numbers of its own.
//
//   two_gateways [PLAIN [BASE64]]     127.0.0.1:5000 and 127.0.0.1:5001 without
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <finpost/gateway.hpp>
#include <finpost/metrics.hpp>

#include <chrono>
#include <csignal>
#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<finpost::reply> echo(finpost::request asked) {
    co_return finpost::reply(std::move(asked.body()));
}

} // namespace

int main(int argc, char** argv) {
    finpost::metrics of_plain, of_base64;
    asio::io_context io;

    finpost::gateway_config rules;
    rules.listen = {finpost::parse_socket_address(argc > 1 ? argv[1] : "127.0.0.1:5000").value()};
    finpost::gateway plain(io.get_executor(), rules, echo, of_plain);

    rules.listen = {finpost::parse_socket_address(argc > 2 ? argv[2] : "127.0.0.1:5001").value()};
    rules.decode = rules.encode = finpost::codec::base64;
    rules.max_payload = 1024;
    finpost::gateway base64(io.get_executor(), rules, echo, of_base64);

    plain.start();
    base64.start();

    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) {
        plain.async_drain(10s, [](finpost::error_code) {});
        base64.async_drain(10s, [](finpost::error_code) {});
    });
    std::cout << "listening on " << to_string(plain.endpoints().front()) << "\nbase64 on "
              << to_string(base64.endpoints().front()) << std::endl;
    io.run();
    std::cout << of_plain.replied.value() << " plain, " << of_base64.replied.value()
              << " in Base64\n";
}
