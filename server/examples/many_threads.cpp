// A gateway on an io_context that several threads run. Each exchange has a strand of its own, so a
// handler needs no lock for what belongs to one exchange; what all of them share is the handler's
// own business.
//
//   many_threads [LISTEN [THREADS]]     127.0.0.1:5000 and 4 without
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <finpost/gateway.hpp>
#include <finpost/metrics.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// How often each address has asked: called by several threads at once.
class visitors {
public:
    unsigned count(const std::string& host) {
        const std::lock_guard lock(mutex_);
        return ++seen_[host];
    }

private:
    std::mutex mutex_;
    std::map<std::string, unsigned> seen_;
};

asio::awaitable<finpost::reply> greet(finpost::request asked, visitors& all) {
    const unsigned times = all.count(asked.peer().host());
    const std::string answer = "visit " + std::to_string(times) + '\n';
    co_return finpost::reply(answer);
}

} // namespace

int main(int argc, char** argv) {
    //! [a gateway on many threads]
    visitors all;
    finpost::metrics counters;
    asio::io_context io;

    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address(argc > 1 ? argv[1] : "127.0.0.1:5000").value()};
    const auto answer = [&all](finpost::request asked) { return greet(std::move(asked), all); };
    finpost::gateway gateway(io.get_executor(), config, answer, counters);
    gateway.start();

    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { gateway.async_drain(10s, [](finpost::error_code) {}); });
    std::cout << "listening on " << to_string(gateway.endpoints().front()) << std::endl;

    std::vector<std::thread> threads;
    const int wanted = std::clamp(argc > 2 ? std::stoi(argv[2]) : 4, 1, 64);
    threads.reserve(static_cast<std::size_t>(wanted));
    for (int i = 0; i < wanted; ++i) threads.emplace_back([&io] { io.run(); });
    for (std::thread& one : threads) one.join();
    //! [a gateway on many threads]
    std::cout << counters.replied.value() << " replies from " << wanted << " threads\n";
}
