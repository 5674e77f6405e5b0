// Rows D14, D23, D24, S11 and S13 to S16 at the program itself: descriptors, signals, the log's
// sink, files, memory.
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

[[maybe_unused]] std::size_t descriptors_of(pid_t pid) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// What a process may have of something from now on.
void limit(pid_t pid, __rlimit_resource what, rlim_t soft) {
    rlimit now{};
    BOOST_REQUIRE(::prlimit(pid, what, nullptr, &now) == 0);
    now.rlim_cur = std::min(soft, now.rlim_max);
    BOOST_REQUIRE(::prlimit(pid, what, &now, nullptr) == 0);
}

void expect_served(demo_gateway& gateway) {
    const auto got = exchange(gateway.listens(), "another client");
    BOOST_TEST(got.bytes == "another client");
    BOOST_TEST((got.how == raw_client::ending::fin));
}

double lines_dropped(const socket_address& admin) {
    const std::string name = "\nfinpost_log_dropped_total ";
    const std::string page = http_get(admin, "/metrics");
    const std::size_t at = page.find(name);
    return at == page.npos ? -1 : std::strtod(page.c_str() + at + name.size(), nullptr);
}

} // namespace

BOOST_AUTO_TEST_SUITE(process_daemon)

#ifndef __SANITIZE_ADDRESS__ // as in downstream_accept
BOOST_AUTO_TEST_CASE(D14_without_descriptors_clients_are_refused_until_one_is_free) {
    // An upstream's connection that closes would free one by itself.
    demo_gateway gateway({"--upstream-keep-alive", "1m", "--threads", "2"});
    for (int i = 0; i < 20; ++i) expect_served(gateway); // each loop has its upstream's connection
    const pid_t pid = gateway.process().pid();
    const std::size_t before = descriptors_of(pid);
    limit(pid, RLIMIT_NOFILE, before + 10);
    std::vector<raw_client> idle;
    std::size_t refused = 0;
    for (int i = 0; i < 100 && refused < 3; ++i) {
        raw_client one(gateway.listens());
        pollfd said{one.fd(), POLLIN, 0};
        if (::poll(&said, 1, 300) == 0) { // longer than the gateway pauses
            idle.push_back(std::move(one));
            continue;
        }
        const auto got = one.read_to_end();
        BOOST_TEST(refusal_reason(got.bytes) == "busy");
        BOOST_TEST((got.how == raw_client::ending::fin));
        ++refused;
    }
    BOOST_REQUIRE(refused == 3u);
    BOOST_REQUIRE(idle.size() >= 5u);
    const std::size_t full = descriptors_of(pid);
    for (std::size_t i = 0; i < 5; ++i) idle[i].close();
    BOOST_TEST(until([&] { return descriptors_of(pid) + 3 <= full; })); // free again, and seen so
    expect_served(gateway);
    BOOST_TEST(gateway.process().wait_for_error("\"event\":\"accepting again\""));
    const std::string log = gateway.log();
    const std::size_t first = log.find("\"event\":\"accept failed\"");
    BOOST_TEST(first != log.npos);
    BOOST_TEST(log.find("\"event\":\"accept failed\"", first + 1) == log.npos);
    BOOST_TEST(has(log, "\"refused\":3"), log);
    idle.clear();
    BOOST_TEST(until([&] { return gateway.sample("finpost_sessions_active") == 0; }));
    BOOST_TEST(gateway.sample("finpost_refusals_total{reason=\"busy\"}") == 3);
    BOOST_TEST(until([&] { return descriptors_of(pid) <= before + 1; }));
}
#endif

BOOST_AUTO_TEST_CASE(D23_every_line_of_the_log_is_one_of_its_own) {
    demo_gateway gateway({"--log-level", "debug", "--decode", "base64"});
    const std::string evil = "\n{\"event\":\"ready\",\"listen\":\"x\"}\n\x1b[2J";
    BOOST_TEST(exchange(gateway.listens(), evil).bytes.starts_with("finpost: bad_encoding "));
    raw_client(gateway.listens()).send(evil).reset();
    raw_client admin(gateway.admin());
    admin.send("GET /" + evil + " HTTP/1.1\r\n\r\n");
    admin.read_to_end();
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended() == 0);
    std::istringstream lines(gateway.log());
    std::size_t ready = 0;
    for (std::string line; std::getline(lines, line);) {
        boost::json::error_code failed;
        const auto read = boost::json::parse(line, failed);
        BOOST_TEST_REQUIRE(!failed, line);
        ready += read.at("event").as_string() == "ready";
    }
    BOOST_TEST(ready == 1u);
}

BOOST_AUTO_TEST_CASE(D24_a_flood_of_the_admin_port_keeps_nobody_from_the_listeners) {
    demo_gateway gateway;
    std::vector<raw_client> flood;
    for (int i = 0; i < 40; ++i) {
        flood.emplace_back(gateway.admin());
        flood.back().send("GET /metrics HT"); // and nothing more
    }
    for (int i = 0; i < 20; ++i) expect_served(gateway);
    BOOST_TEST(gateway.get("/healthz").starts_with("HTTP/1.1 200 "));
}

BOOST_AUTO_TEST_CASE(S11_a_stop_finishes_what_is_in_flight_and_says_what_it_cut) {
    demo_gateway gateway({"--drain", "700ms"});
    raw_client finishes(gateway.listens()), never(gateway.listens());
    finishes.send("first half, ");
    never.send("never ending");
    BOOST_REQUIRE(until([&] { return gateway.sample("finpost_buffered_bytes") > 0; }));
    BOOST_REQUIRE(until([&] { return gateway.sample("finpost_sessions_active") == 2; }));
    gateway.process().signal(SIGTERM);
    BOOST_REQUIRE(gateway.process().wait_for_error("\"event\":\"draining\""));
    finishes.send("second half").half_close();
    BOOST_TEST(finishes.read_to_end().bytes == "first half, second half");
    const auto cut = never.read_to_end();
    BOOST_TEST(refusal_reason(cut.bytes) == "draining");
    BOOST_TEST((cut.how == raw_client::ending::fin));
    BOOST_TEST(gateway.ended(10s) == 0);
    BOOST_TEST(has(gateway.log(), "\"finished\":1,\"cut\":1,"), gateway.log());
}

BOOST_AUTO_TEST_CASE(S13_signals_of_pipes_and_children_end_nothing) {
    demo_gateway gateway;
    for (const int one : {SIGPIPE, SIGCHLD, SIGPIPE, SIGURG, SIGWINCH, SIGCONT}) {
        gateway.process().signal(one);
        expect_served(gateway);
    }
    // A write to a client that has gone, which would be a SIGPIPE.
    const std::string large(8'000'000, 'x');
    for (int i = 0; i < 5; ++i) {
        raw_client client(gateway.listens());
        client.send(large).half_close();
        client.read_at_least(1);
        client.close();
    }
    BOOST_TEST(until([&] { return gateway.sample("finpost_sessions_active") == 0; }));
    expect_served(gateway);
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended() == 0);
}

BOOST_AUTO_TEST_CASE(S14_a_log_that_nobody_reads_stops_nobody) {
    const temporary_folder folder;
    const std::string pipe = (folder.path() / "log").string();
    BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const int reader = ::open(pipe.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC); // and never reads
    BOOST_REQUIRE(reader >= 0);
    ::fcntl(reader, F_SETPIPE_SZ, 4096);
    bare_gateway gateway({"--demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                          "--log-format", "json", "--log-level", "debug", "--log-file", pipe});
    // The first line names the addresses; it is all that is ever read.
    std::string text;
    BOOST_REQUIRE(until([&] {
        char some[4096];
        const ssize_t n = ::read(reader, some, sizeof some);
        if (n > 0) text.append(some, static_cast<std::size_t>(n));
        return has(text, "\"pid\":");
    }));
    const socket_address listens = address(logged(text, "ready", "listen"));
    const socket_address admin = address(logged(text, "ready", "admin"));
    // As many lines as the queue holds, and the pipe, and more.
    const std::vector<std::string> payloads(200, "served");
    for (int i = 0; i < 200 && lines_dropped(admin) == 0; ++i)
        for (const auto& got : exchange_all(listens, payloads, 4))
            BOOST_TEST_REQUIRE(got.bytes == "served");
    BOOST_TEST(lines_dropped(admin) > 0);

    BOOST_TEST(exchange(listens, "served").bytes == "served");
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended(10s) == 0);
    ::close(reader);
}

BOOST_AUTO_TEST_CASE(S14_a_full_disk_under_the_log_stops_nobody) {
    const temporary_folder folder;
    const auto file = folder.path() / "log";
    bare_gateway gateway({"--demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
                          "--log-format", "json", "--log-level", "debug", "--log-file",
                          file.string()});
    const auto text = [&] {
        std::ifstream in(file);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    BOOST_REQUIRE(until([&] { return has(text(), "\"pid\":"); }));
    const socket_address listens = address(logged(text(), "ready", "listen"));
    const socket_address admin = address(logged(text(), "ready", "admin"));
    // From here on there is no room for a line, as far as this process is concerned.
    const pid_t pid = gateway.process().pid();
    limit(pid, RLIMIT_FSIZE, std::filesystem::file_size(file));
    BOOST_TEST(until([&] {
        BOOST_TEST_REQUIRE(exchange(listens, "served").bytes == "served");
        return lines_dropped(admin) > 0;
    }));
    limit(pid, RLIMIT_FSIZE, RLIM_INFINITY);
    const auto before = std::filesystem::file_size(file);
    BOOST_TEST(until([&] {
        BOOST_TEST_REQUIRE(exchange(listens, "served").bytes == "served");
        return std::filesystem::file_size(file) > before; // room again, and lines again
    }));
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended(10s) == 0);
}

BOOST_AUTO_TEST_CASE(S15_where_no_file_can_be_made_it_does_not_start) {
    const temporary_folder folder;
    // /proc takes no file from anybody, root included.
    for (const std::string& dir : {(folder.path() / "missing").string(), std::string("/proc")}) {
        bare_gateway gateway(
            {"--demo", "--listen", "127.0.0.1:0", "--admin", "off", "--spill-dir", dir});
        BOOST_TEST(gateway.ended() == 2);
        BOOST_TEST(has(gateway.log(), "no file can be made in \"" + dir + "\""), gateway.log());
    }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they cannot do without memory
BOOST_AUTO_TEST_CASE(S16_without_more_memory_each_client_is_told_and_the_process_lives) {
    scripted_upstream upstream;
    upstream.by_default([](scripted_upstream::conversation& talk) {
        talk.wait_for_gate(); // until then the payloads are held
        talk.read_body();
        talk.send(response(200, "done"));
    });
    bare_gateway gateway({"--upstream", "http://" + to_string(upstream.address()), "--listen",
                          "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json",
                          "--threads", "1", "--spill-above", "off"});
    gateway.wait_ready();
    const pid_t pid = gateway.process().pid();
    std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
    rlim_t pages = 0;
    statm >> pages;
    limit(pid, RLIMIT_AS, pages * static_cast<rlim_t>(::getpagesize()));
    // More than the process has, of addresses that it has set aside as well.
    const std::vector<std::string> payload(1, std::string(16 << 20, 'x'));
    const socket_address listens = gateway.listens();
    std::vector<std::future<raw_client::received>> all;
    for (int i = 0; i < 12; ++i)
        all.push_back(std::async(std::launch::async,
                                 [&] { return exchange_all(listens, payload, 1).front(); }));
    // The first has been told; there may not be the memory to ask the admin port.
    BOOST_TEST(until([&] {
        return std::any_of(all.begin(), all.end(),
                           [](auto& one) { return one.wait_for(0s) == std::future_status::ready; });
    }));
    limit(pid, RLIMIT_AS, RLIM_INFINITY);
    upstream.open_gate();
    double failed = 0;
    for (auto& one : all) {
        const auto got = one.get();
        if (got.bytes == "done" && got.how == raw_client::ending::fin) continue;
        ++failed;
        // A refusal, or a reset, which those may meet that are still sending.
        BOOST_TEST((refusal_reason(got.bytes) == "internal" ||
                    got.how == raw_client::ending::reset || got.bytes.starts_with("send: ")),
                   got.bytes);
    }
    BOOST_TEST(gateway.sample("finpost_refusals_total{reason=\"internal\"}") == failed);
    BOOST_TEST(test::exchange(listens, payload.front()).bytes == "done");
    BOOST_TEST(until([&] { return gateway.sample("finpost_sessions_active") == 0; }));
    BOOST_TEST(until([&] { return gateway.sample("finpost_buffered_bytes") == 0; }));
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended() == 0);
}
#endif

BOOST_AUTO_TEST_SUITE_END()
