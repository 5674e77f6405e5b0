// What a service manager such as systemd hears of `finpostd`, with the test in its place.
#include "support/daemon.hpp"
#include "support/notify_socket.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// A name that no other test has.
std::string abstract_name() {
    static int count = 0;
    return "@finpost-test-" + std::to_string(::getpid()) + '-' + std::to_string(++count);
}

struct fixture {
    // With these variables beside NOTIFY_SOCKET, ready.
    demo_gateway& start(strings flags = {}, strings variables = {}) {
        variables.push_back("NOTIFY_SOCKET=" + name);
        gateway = std::make_unique<demo_gateway>(std::move(flags), std::move(variables));
        return *gateway;
    }

    // All that is left when it has ended.
    strings rest() {
        strings all;
        while (const auto got = manager.next(0ms)) all.push_back(*got);
        return all;
    }

    const std::string name = abstract_name();
    notify_socket manager{name};
    std::unique_ptr<demo_gateway> gateway;
};

std::size_t pings(const strings& messages) {
    std::size_t count = 0;
    for (const std::string& each : messages) count += each == "WATCHDOG=1" ? 1 : 0;
    return count;
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1))
        found += 1;
    return found;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(under_systemd, fixture)

BOOST_AUTO_TEST_CASE(it_hears_when_clients_can_connect_and_when_it_stops) {
    demo_gateway& running = start();
    const std::string pid = std::to_string(running.process().pid());
    BOOST_TEST(manager.next().value_or("") == "READY=1\nMAINPID=" + pid + "\nSTATUS=listening on " +
                                                  to_string(running.listens()) + ", admin port " +
                                                  to_string(running.admin()));
    BOOST_TEST(exchange(running.listens(), "hello").bytes == "hello");
    running.process().signal(SIGTERM);
    BOOST_TEST(manager.next().value_or("") ==
               "STOPPING=1\nSTATUS=draining, exchanges in flight: 0");
    BOOST_TEST(running.ended() == 0);
    BOOST_TEST(rest().size() == 0u); // nobody has asked whether it lives
}

BOOST_AUTO_TEST_CASE(a_socket_with_a_path_will_do) {
    temporary_folder folder;
    const std::string path = folder.path() / "notify";
    notify_socket there(path);
    bare_gateway running({"--demo", "--listen", "127.0.0.1:0", "--admin", "off"},
                         {"NOTIFY_SOCKET=" + path});
    BOOST_TEST(there.next_of("READY=1\n").ends_with(", admin port off"));
}

BOOST_AUTO_TEST_CASE(a_stop_says_how_many_exchanges_are_in_flight) {
    demo_gateway& running = start();
    raw_client client(running.listens());
    client.send("hel");
    BOOST_REQUIRE(until([&] { return running.sample("finpost_buffered_bytes") > 0; }));
    running.process().signal(SIGTERM);
    BOOST_TEST(manager.next_of("STOPPING=1\n").ends_with("exchanges in flight: 1"));
    client.send("lo");
    client.half_close();
    BOOST_TEST(client.read_to_end().bytes == "hello");
    BOOST_TEST(running.ended() == 0);
}

BOOST_AUTO_TEST_CASE(a_reload_begins_and_ends_taken_or_not) {
    temporary_folder folder;
    const std::string file = folder.path() / "finpost.toml";
    const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
    write("max_connections = 10\n");
    demo_gateway& running = start({"--config", file});
    manager.next_of("READY=1\n");
    const auto reload = [&] {
        running.process().signal(SIGHUP);
        const std::string begun = manager.next().value_or("");
        const std::string before = "RELOADING=1\nMONOTONIC_USEC=";
        BOOST_TEST(begun.starts_with(before), begun);
        BOOST_TEST(begun.ends_with("\nSTATUS=reloading"), begun);
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        const std::chrono::microseconds told(
            std::strtoll(begun.substr(before.size()).c_str(), nullptr, 10));
        BOOST_TEST((told <= now && told > now - 20s));
        return manager.next().value_or("");
    };
    write("max_connections = 20\n");
    std::string ended = reload();
    BOOST_TEST(ended.starts_with("READY=1\n"), ended);
    BOOST_TEST(has(ended, "\nSTATUS=listening on 127.0.0.1:"), ended);
    write("max_connections = \"many\"\nfoo = 1\n");
    ended = reload();
    BOOST_TEST(ended.starts_with("READY=1\n"), ended);
    BOOST_TEST(has(ended, "\nSTATUS=reload failed, the configuration before is in force: " + file),
               ended);
    BOOST_TEST(count(ended, "\n") == 2u);
    write("");
    BOOST_TEST(has(reload(), "\nSTATUS=listening on "));
}

BOOST_AUTO_TEST_CASE(one_that_cannot_be_reached_is_one_warning) {
    const std::string nowhere = abstract_name();
    for (const std::string& bad : {nowhere, std::string("/nowhere/notify"),
                                   std::string("vsock:2:1"), '/' + std::string(107, 'x')}) {
        demo_gateway running({}, {"NOTIFY_SOCKET=" + bad, "WATCHDOG_USEC=20000"});
        running.process().signal(SIGHUP);
        BOOST_TEST(running.process().wait_for_error("\"reloaded\""));
        BOOST_TEST(exchange(running.listens(), "hello").bytes == "hello");
        running.process().signal(SIGTERM);
        BOOST_TEST(running.ended() == 0);
        BOOST_TEST(count(running.log(), "\"service manager not told\",\"socket\":\"" + bad) == 1u,
                   running.log());
    }
}

BOOST_AUTO_TEST_CASE(asked_for_it_says_that_it_is_alive_also_while_it_drains) {
    demo_gateway& running = start({"--threads", "3"}, {"WATCHDOG_USEC=100000"});
    manager.next_of("READY=1\n");
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 4; ++i) BOOST_TEST(manager.next_of("WATCHDOG=1") == "WATCHDOG=1");
    BOOST_TEST((std::chrono::steady_clock::now() - began > 140ms)); // every half of it
    raw_client client(running.listens());
    client.send("x");
    BOOST_REQUIRE(until([&] { return running.sample("finpost_buffered_bytes") > 0; }));
    running.process().signal(SIGTERM);
    manager.next_of("STOPPING=1\n");
    for (int i = 0; i < 2; ++i) BOOST_TEST(manager.next_of("WATCHDOG=1") == "WATCHDOG=1");
    client.half_close();
    BOOST_TEST(client.read_to_end().bytes == "x");
    BOOST_TEST(running.ended() == 0);
}

BOOST_AUTO_TEST_CASE(it_falls_silent_when_another_process_is_meant) {
    start({}, {"WATCHDOG_USEC=20000", "WATCHDOG_PID=1"});
    manager.next_of("READY=1\n");
    gateway->process().signal(SIGHUP); // something to do meanwhile
    manager.next_of("READY=1\n");
    BOOST_TEST(!manager.next(100ms));
    gateway->process().signal(SIGTERM);
    BOOST_TEST(gateway->ended() == 0);
    BOOST_TEST(pings(rest()) == 0u);
}

BOOST_AUTO_TEST_CASE(a_stopped_process_falls_silent) {
    demo_gateway& running = start({}, {"WATCHDOG_USEC=40000"});
    manager.next_of("WATCHDOG=1");
    running.process().signal(SIGSTOP);
    while (manager.next(100ms)) { // what was on its way
    }
    BOOST_TEST(!manager.next(100ms));
    running.process().signal(SIGCONT);
    BOOST_TEST(manager.next_of("WATCHDOG=1") == "WATCHDOG=1");
}

BOOST_AUTO_TEST_SUITE_END()
