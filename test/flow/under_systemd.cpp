// What a service manager such as systemd hears of `finpostd`, with the test in its place.
#include "support/daemon.hpp"
#include "support/inherited_listener.hpp"
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
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
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

// `finpostd` with descriptors from 3 on, as systemd passes them. `more` is what else a shell does
// before it becomes `finpostd`.
class activated {
public:
    activated(const std::vector<int>& fds, strings flags, const std::string& more = {})
        : process_(command(fds, std::move(flags), more)) {
        for (const int fd : copies_) ::close(fd);
    }

    child_process& process() { return process_; }
    std::string log() const { return process_.error(); }
    void wait_ready() { BOOST_REQUIRE_MESSAGE(process_.wait_for_error("\"pid\":"), log()); }
    // What it says, and its exit code, when it does not start.
    std::string complaint() {
        BOOST_TEST(process_.wait().value_or(-1) == 1);
        return log();
    }

private:
    strings command(const std::vector<int>& fds, strings flags, const std::string& more) {
        std::string text, closing;
        int next = 3;
        for (const int fd : fds) {
            copies_.push_back(::fcntl(fd, F_DUPFD, 100)); // where it overwrites no other
            const std::string copy = std::to_string(copies_.back());
            text += "exec " + std::to_string(next++) + "<&" + copy + ' ' + copy + "<&-\n";
        }
        text += "export LISTEN_PID=$$ LISTEN_FDS=" + std::to_string(fds.size()) + '\n' + more +
                "\nexec \"$@\"";
        const strings usual{"bash",        "-c",     text,           "bash",
                            FINPOSTD_PATH, "--demo", "--log-format", "json"};
        flags.insert(flags.begin(), usual.begin(), usual.end());
        return flags;
    }

    std::vector<int> copies_;
    child_process process_;
};

// Until the gateway has read of a payload.
void wait_for_payload(const socket_address& admin) {
    BOOST_REQUIRE(until([&] {
        const std::string page = http_get(admin, "/metrics");
        return has(page, "\nfinpost_buffered_bytes ") && !has(page, "\nfinpost_buffered_bytes 0");
    }));
}

const strings no_admin{"--admin", "off"};

strings listening_on(const inherited_listener& socket, strings more = no_admin) {
    more.insert(more.begin(), {"--listen", socket.address()});
    return more;
}

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
    const auto began = std::chrono::steady_clock::now();
    demo_gateway& running = start({"--threads", "3"}, {"WATCHDOG_USEC=200000"});
    manager.next_of("READY=1\n");
    for (int i = 0; i < 6; ++i) BOOST_TEST(manager.next_of("WATCHDOG=1") == "WATCHDOG=1");
    BOOST_TEST((std::chrono::steady_clock::now() - began > 500ms)); // every half of it
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
    while (manager.next(100ms)) continue; // what was on its way
    BOOST_TEST(!manager.next(100ms));
    running.process().signal(SIGCONT);
    BOOST_TEST(manager.next_of("WATCHDOG=1") == "WATCHDOG=1");
}

BOOST_AUTO_TEST_CASE(who_has_connected_before_it_started_is_served) {
    const inherited_listener socket;
    raw_client early(address(socket.address()));
    early.send("early");
    early.half_close();
    activated running({socket.fd()}, listening_on(socket, {"--admin", "off", "--threads", "3"}));
    running.wait_ready();
    BOOST_TEST(logged(running.log(), "ready", "listen") == socket.address());
    BOOST_TEST(early.read_to_end().bytes == "early");
    for (int i = 0; i < 20; ++i)
        BOOST_TEST(exchange(address(socket.address()), std::to_string(i)).bytes ==
                   std::to_string(i));
    running.process().signal(SIGTERM);
    BOOST_TEST(running.process().wait().value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(between_two_processes_clients_wait_and_none_is_refused) {
    const inherited_listener socket;
    for (int i = 0; i < 3; ++i) {
        activated running({socket.fd()}, listening_on(socket));
        running.wait_ready();
        BOOST_TEST(exchange(address(socket.address()), "x").bytes == "x");
        running.process().signal(SIGTERM);
        BOOST_TEST(running.process().wait().value_or(-1) == 0);
        raw_client between(address(socket.address()));
        between.send("between");
        between.half_close();
        activated next({socket.fd()}, listening_on(socket));
        BOOST_TEST(between.read_to_end().bytes == "between");
    }
}

BOOST_AUTO_TEST_CASE(while_it_drains_new_clients_wait_for_the_next_process) {
    const inherited_listener socket;
    activated running({socket.fd()},
                      listening_on(socket, {"--admin", "127.0.0.1:0", "--threads", "2"}));
    running.wait_ready();
    raw_client first(address(socket.address()));
    first.send("fir");
    wait_for_payload(address(logged(running.log(), "ready", "admin")));
    running.process().signal(SIGTERM);
    BOOST_TEST(running.process().wait_for_error("\"draining\""));
    activated next({socket.fd()}, listening_on(socket));
    next.wait_ready();
    for (int i = 0; i < 10; ++i)
        BOOST_TEST(exchange(address(socket.address()), "second").bytes == "second");
    first.send("st");
    first.half_close();
    BOOST_TEST(first.read_to_end().bytes == "first");
    BOOST_TEST(running.process().wait().value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(a_client_of_before_is_reset_when_it_is_killed) {
    const inherited_listener socket;
    raw_client early(address(socket.address()));
    early.send("x");
    const inherited_listener admin;
    activated running({admin.fd(), socket.fd()},
                      listening_on(socket, {"--admin", admin.address()}));
    running.wait_ready();
    wait_for_payload(address(admin.address()));
    running.process().signal(SIGKILL);
    BOOST_TEST((early.read_to_end().how == raw_client::ending::reset));
}

BOOST_AUTO_TEST_CASE(the_admin_port_may_be_passed_and_nothing_is_passed_on) {
    const inherited_listener socket, admin;
    activated running({admin.fd(), socket.fd()},
                      listening_on(socket, {"--admin", admin.address()}));
    running.wait_ready();
    BOOST_TEST(logged(running.log(), "ready", "admin") == admin.address());
    BOOST_TEST(http_get(address(admin.address()), "/healthz").starts_with("HTTP/1.1 200 "));
    for (const std::string fd : {"3", "4"}) {
        std::ifstream about("/proc/" + std::to_string(running.process().pid()) + "/fdinfo/" + fd);
        std::string word, flags;
        while (about >> word >> flags && word != "flags:") continue;
        BOOST_TEST((std::stoul(flags, nullptr, 8) & O_CLOEXEC) != 0u, fd);
    }
}

BOOST_AUTO_TEST_CASE(an_address_without_a_socket_is_bound_as_ever) {
    const inherited_listener socket;
    activated running({socket.fd()},
                      listening_on(socket, {"--admin", "off", "--listen", "127.0.0.1:0"}));
    running.wait_ready();
    const std::string both = logged(running.log(), "ready", "listen");
    BOOST_TEST(both.starts_with(socket.address() + ",127.0.0.1:"), both);
    BOOST_TEST(exchange(address(both.substr(both.find(',') + 1)), "x").bytes == "x");
    BOOST_TEST(exchange(address(socket.address()), "x").bytes == "x");
}

BOOST_AUTO_TEST_CASE(an_address_that_comes_back_by_a_reload_has_its_socket_again) {
    const inherited_listener socket;
    temporary_folder folder;
    const std::string file = folder.path() / "finpost.toml";
    const std::string with = "listen = [\"" + socket.address() + "\", \"127.0.0.1:0\"]\n";
    const auto write = [&](const std::string& text) { std::ofstream(file) << text; };
    write(with);
    activated running({socket.fd()}, {"--admin", "off", "--config", file});
    running.wait_ready();
    const auto reload = [&](std::size_t times) {
        running.process().signal(SIGHUP);
        return until([&] { return count(running.log(), "\"event\":\"reloaded\"") == times; });
    };
    BOOST_TEST(exchange(address(socket.address()), "x").bytes == "x");
    write("listen = [\"127.0.0.1:0\"]\n");
    BOOST_TEST(reload(1));
    raw_client waits(address(socket.address()));
    waits.send("waits");
    waits.half_close();
    write(with);
    BOOST_TEST(reload(2));
    BOOST_TEST(waits.read_to_end().bytes == "waits");
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_is_no_listening_socket_ends_the_start) {
    const inherited_listener socket;
    const auto says = [&](const std::vector<int>& fds, const std::string& more = {}) {
        return activated(fds, listening_on(socket), more).complaint();
    };
    BOOST_TEST(says({socket.fd()}, "exec 3<&-") ==
               "finpostd: LISTEN_FDS: descriptor 3 is not open\n");
    BOOST_TEST(says({socket.fd()}, "exec 4<&-; LISTEN_FDS=2 LISTEN_FDNAMES=in:out") ==
               "finpostd: LISTEN_FDS: descriptor 4 is not open\n");
    BOOST_TEST(says({socket.fd()}, "exec 4<&-; export LISTEN_FDS=2 LISTEN_FDNAMES=in:out") ==
               "finpostd: LISTEN_FDS: descriptor 4 (out) is not open\n");
    const std::string no_listener = " is not a TCP socket that listens\n";
    BOOST_TEST(says({0}) == "finpostd: LISTEN_FDS: descriptor 3" + no_listener);
    for (const auto& [family, type] :
         {std::pair{AF_INET, SOCK_STREAM}, std::pair{AF_INET, SOCK_DGRAM},
          std::pair{AF_UNIX, SOCK_STREAM}}) {
        const int other = ::socket(family, type, 0);
        BOOST_TEST(says({socket.fd(), other}) ==
                   "finpostd: LISTEN_FDS: descriptor 4" + no_listener);
        ::close(other);
    }
    BOOST_TEST(says({socket.fd(), socket.fd()}) ==
               "finpostd: LISTEN_FDS: descriptor 4 listens on " + socket.address() +
                   ", as one before it\n");
    for (const std::string bad : {"-1", "1x", "5000", "x"})
        BOOST_TEST(says({socket.fd()}, "export LISTEN_FDS=" + bad) ==
                   "finpostd: LISTEN_FDS: \"" + bad + "\" is not a number of descriptors\n");
}

BOOST_AUTO_TEST_CASE(a_socket_that_no_listener_names_ends_the_start) {
    const inherited_listener socket, other;
    const std::string unnamed =
        activated({socket.fd(), other.fd()}, listening_on(socket)).complaint();
    BOOST_TEST(unnamed == "finpostd: LISTEN_FDS: descriptor 4 listens on " + other.address() +
                              ", which neither --listen nor --admin names\n");
}

BOOST_AUTO_TEST_CASE(what_is_passed_to_another_process_is_not_touched) {
    const inherited_listener socket;
    for (const std::string pid : {"export LISTEN_PID=1", "unset LISTEN_PID"}) {
        activated running({socket.fd()}, {"--admin", "off", "--listen", "127.0.0.1:0"}, pid);
        running.wait_ready();
        running.process().signal(SIGTERM);
        BOOST_TEST(running.process().wait().value_or(-1) == 0);
    }
}

// Of systemd itself.
BOOST_AUTO_TEST_CASE(systemd_socket_activate_starts_it_for_the_first_client) {
    if (!have("systemd-socket-activate")) return;
    std::string free;
    {
        const inherited_listener probe;
        free = probe.address();
    }
    child_process running({"systemd-socket-activate", "--listen=" + free, "--fdname=clients",
                           "--setenv=NOTIFY_SOCKET=" + name, FINPOSTD_PATH, "--demo", "--listen",
                           free, "--admin", "off", "--log-format", "json"});
    BOOST_REQUIRE(running.wait_for_error("Listening on"));
    BOOST_TEST(exchange(address(free), "hello").bytes == "hello");
    const std::string pid = std::to_string(running.pid());
    BOOST_TEST(manager.next_of("READY=1\n") ==
               "READY=1\nMAINPID=" + pid + "\nSTATUS=listening on " + free + ", admin port off");
    running.signal(SIGTERM);
    BOOST_TEST(running.wait().value_or(-1) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
