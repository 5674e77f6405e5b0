// Start, drain and stop, decided by the host, here by signals: the first drains, a second one stops
// at once. The event loop has a thread of its own, and the host's main thread waits for the end by
// a future.
//
//   start_drain_stop [LISTEN]     127.0.0.1:5000 without
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include <finpost/gateway.hpp>
#include <finpost/metrics.hpp>

#include <chrono>
#include <csignal>
#include <future>
#include <iostream>
#include <thread>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<finpost::reply> echo(finpost::request asked) {
    co_return finpost::reply(std::move(asked.body()));
}

} // namespace

int main(int argc, char** argv) {
    finpost::metrics counters;
    asio::io_context io;

    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address(argc > 1 ? argv[1] : "127.0.0.1:5000").value()};
    finpost::gateway gateway(io.get_executor(), config, echo, counters);

    auto work = asio::make_work_guard(io);
    std::thread loop([&io] { io.run(); });
    int exit_code = 0;
    try {
        gateway.start();
        //! [drain by a future]
        asio::signal_set signals(io, SIGINT, SIGTERM);
        std::cout << "listening on " << to_string(gateway.endpoints().front()) << std::endl;
        signals.async_wait(asio::use_future).get(); // the host has better things to do, of course
        signals.async_wait([&](finpost::error_code none, int) {
            if (!none) gateway.stop(); // the second signal: now
        });
        std::future<void> drained = gateway.async_drain(30s, asio::use_future);
        std::cout << "draining" << std::endl;
        drained.get(); // no session is left
        //! [drain by a future]
        std::cout << counters.replied.value() << " replied, " << counters.cut.value() << " cut\n";
    } catch (const boost::system::system_error& failed) {
        std::cerr << failed.what() << '\n'; // the address is in use
        exit_code = 1;
    }
    work.reset();
    loop.join();
    return exit_code;
}
