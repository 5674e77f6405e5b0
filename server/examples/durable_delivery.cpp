// Durable delivery in a program of your own: a client gets a receipt once its payload is on the
// disk, and the service gets the payload when it is there. Kill this program and start it again:
// nothing that has a receipt is lost.
//
//   durable_delivery LISTEN SERVICE DIR
//   durable_delivery 127.0.0.1:5000 http://127.0.0.1:3000/upload /var/tmp/queue
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include <finpost/delivery_queue.hpp>
#include <finpost/gateway.hpp>
#include <finpost/http_upstream.hpp>
#include <finpost/metrics.hpp>
#include <finpost/sqlite_queue.hpp>

#include <chrono>
#include <csignal>
#include <exception>
#include <iostream>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
    if (argc != 4) {
        std::cerr << "durable_delivery LISTEN SERVICE DIR\n";
        return 2;
    }
    finpost::metrics counters;
    asio::thread_pool disk(1); // waits for the disk, so that clients do not
    asio::io_context io;
    int exit_code = 0;
    try {
        //! [durable delivery]
        finpost::sqlite_queue_config where;
        where.directory = argv[3];
        auto store =
            finpost::open_sqlite_queue(where, io.get_executor(), disk.get_executor(), counters);
        finpost::upstream_config service;
        service.endpoints = {finpost::parse_http_url(argv[2]).value()};
        finpost::http_upstream upstream(io.get_executor(), service, counters);
        finpost::delivery_queue queue(io.get_executor(), std::move(store), upstream, {}, counters);

        finpost::gateway_config config;
        config.listen = {finpost::parse_socket_address(argv[1]).value()};
        finpost::gateway gateway(io.get_executor(), config, queue.as_handler("example"), counters);
        upstream.start();
        gateway.start();
        queue.start();
        //! [durable delivery]
        std::cout << "listening on " << to_string(gateway.endpoints().front()) << std::endl;
        asio::signal_set signals(io, SIGINT, SIGTERM);
        signals.async_wait([&](finpost::error_code, int) {
            gateway.async_drain(30s, [&](finpost::error_code) {
                // The last receipts are given: what is on the wire is finished, the rest waits.
                queue.async_drain(30s, [&](finpost::error_code) { upstream.close(); });
            });
        });
        io.run();
        std::cout << counters.queue.stored.value() << " stored, "
                  << counters.queue.delivered.value() << " delivered\n";
    } catch (const std::exception& failed) {
        std::cerr << failed.what() << '\n'; // the directory is in use, or the address is
        exit_code = 1;
    }
    disk.join();
    return exit_code;
}
