// A program with a gateway and a client of it inside: says "ok" when an exchange between them, and
// an error that the library throws, are what they should be.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <finpost/client.hpp>
#include <finpost/gateway.hpp>
#include <finpost/http_upstream.hpp>
#include <finpost/metrics.hpp>
#include <finpost/version.hpp>

#include <chrono>
#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// A frame of the host's own: recycled by Asio, while those of the library are not.
asio::awaitable<void> let_others_go_first() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
}

asio::awaitable<finpost::reply> turn_around(finpost::request asked) {
    co_await let_others_go_first();
    const std::string_view text = asked.body().text();
    const std::string reversed(text.rbegin(), text.rend());
    co_return finpost::reply(reversed);
}

// Thrown in the library, and caught here by its type.
bool is_told_what_is_wrong(asio::io_context& io, finpost::metrics& counters) {
    try {
        const finpost::http_upstream nowhere(io.get_executor(), finpost::upstream_config(),
                                             counters);
        return false;
    } catch (const finpost::config_error& wrong) {
        return wrong.problems().front().field == "endpoints";
    }
}

} // namespace

int main() {
    finpost::metrics counters;
    asio::io_context io;
    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address("127.0.0.1:0").value()};
    finpost::gateway gateway(io.get_executor(), config, turn_around, counters);
    gateway.start();

    std::string answer;
    const finpost::host_port here{"127.0.0.1", gateway.endpoints().front().port()};
    finpost::async_exchange(io.get_executor(), here, "hello", {},
                            [&](finpost::error_code failed, finpost::exchange_result got) {
                                answer = failed ? failed.message() : got.reply;
                                gateway.async_drain(10s, [](finpost::error_code) {});
                            });
    io.run();
    const bool good = answer == "olleh" && counters.replied.value() == 1 &&
                      finpost::version() == FINPOST_VERSION && is_told_what_is_wrong(io, counters);
    std::cout << (good ? "ok" : answer) << '\n';
    return good ? 0 : 1;
}
