// One exchange with a gateway, from memory to memory: what to send, how long it may take, and what
// became of it.
//
//   call_a_gateway HOST:PORT TEXT
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <finpost/client.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

//! [call a gateway]
asio::awaitable<int> call(finpost::host_port gateway, std::string payload) {
    finpost::client_options options;
    options.connect = 3s;
    options.total = 20s;
    options.max_reply = 1 << 20; // kept in memory
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto [failed, got] = co_await finpost::async_exchange(executor, gateway, payload, options,
                                                          asio::as_tuple(asio::use_awaitable));
    if (got.refused) {
        std::cerr << "refused: " << to_string(*got.refused) << ", see " << got.request_id
                  << " in its log\n";
        co_return 5;
    }
    if (failed) { // a part of a reply is none
        std::cerr << to_string(got.stage) << ": " << failed.message() << ' ' << got.detail << '\n';
        co_return got.stage < finpost::exchange_stage::send ? 3
                                                            : 6; // 3: nothing was sent, try again
    }
    std::cout << got.reply;
    std::cerr << to_string(got.local) << " to " << to_string(got.remote) << " in "
              << got.ended.count() << " us\n";
    co_return 0;
}
//! [call a gateway]

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "call_a_gateway HOST:PORT TEXT\n";
        return 2;
    }
    const auto gateway = finpost::parse_host_port(argv[1]);
    if (!gateway) {
        std::cerr << gateway.error().message << '\n';
        return 2;
    }
    asio::io_context io(1);
    int exit_code = 1;
    asio::co_spawn(io, call(*gateway, argv[2]), [&](std::exception_ptr bug, int code) {
        if (bug) std::rethrow_exception(bug);
        exit_code = code;
    });
    io.run();
    return exit_code;
}
