// The program itself, as someone at a shell runs it: flags, variables, signals, exit codes, logs.
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// A client whose payload has reached the gateway, without its end.
raw_client begin_exchange(demo_gateway& gateway, std::string_view first) {
    raw_client client(gateway.listens());
    client.send(first);
    BOOST_REQUIRE(until([&] { return gateway.sample("finpost_buffered_bytes") > 0; }));
    return client;
}

} // namespace

BOOST_AUTO_TEST_SUITE(finpostd)

BOOST_AUTO_TEST_CASE(the_demo_answers_a_payload_with_itself) {
    demo_gateway gateway;
    BOOST_TEST(exchange(gateway.listens(), "hello").bytes == "hello");
    std::string large(5'000'000, 'x');
    for (std::size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>(i);
    const auto reply = exchange(gateway.listens(), large);
    BOOST_TEST((reply.bytes == large));
    BOOST_TEST((reply.how == raw_client::ending::fin));
}

BOOST_AUTO_TEST_CASE(every_connection_is_in_the_numbers) {
    // Each thread keeps connections of its own.
    demo_gateway gateway({"--max-payload", "10", "--threads", "1"});
    BOOST_TEST(exchange(gateway.listens(), "hello").bytes == "hello");
    BOOST_TEST(exchange(gateway.listens(), "olleh").bytes == "olleh");
    const std::string refusal = exchange(gateway.listens(), "eleven bytes").bytes;
    BOOST_TEST(refusal.starts_with("finpost: too_large "), refusal);
    BOOST_TEST(exchange(gateway.listens(), "").bytes == "");
    raw_client open(gateway.listens());
    open.send("x");
    BOOST_TEST(until([&] { return gateway.sample("finpost_sessions_active") == 1; }));
    BOOST_TEST(gateway.sample("finpost_sessions_total") == 5);
    BOOST_TEST(gateway.sample("finpost_exchanges_total{outcome=\"replied\"}") == 2);
    BOOST_TEST(gateway.sample("finpost_exchanges_total{outcome=\"refused\"}") == 1);
    BOOST_TEST(gateway.sample("finpost_exchanges_total{outcome=\"aborted\"}") == 0);
    BOOST_TEST(gateway.sample("finpost_exchanges_total{outcome=\"probe\"}") == 1);
    BOOST_TEST(gateway.sample("finpost_refusals_total{reason=\"too_large\"}") == 1);
    BOOST_TEST(gateway.sample("finpost_reply_bytes_total") == 10);
    BOOST_TEST(gateway.sample("finpost_upstream_seconds_count") == 2);
    BOOST_TEST(gateway.sample("finpost_exchange_seconds_bucket{le=\"+Inf\"}") == 3);
    BOOST_TEST(gateway.sample("finpost_upstream_connections{state=\"idle\"}") == 1);
    BOOST_TEST(gateway.sample("finpost_log_dropped_total") == 0);
}

BOOST_AUTO_TEST_CASE(the_admin_port_answers_get_and_nothing_else) {
    demo_gateway gateway;
    BOOST_TEST(gateway.get("/healthz").starts_with("HTTP/1.1 200 "));
    BOOST_TEST(until([&] { return gateway.get("/readyz").starts_with("HTTP/1.1 200 "); }));
    const std::string page = gateway.get("/metrics");
    BOOST_TEST(has(page, "Content-Type: text/plain; version=0.0.4"));
    BOOST_TEST(has(page, "\nfinpost_build_info{version=\""));
    BOOST_TEST(gateway.get("/nowhere").starts_with("HTTP/1.1 404 "));
    const std::string post = gateway.get("/metrics", "POST");
    BOOST_TEST(post.starts_with("HTTP/1.1 405 "), post);
    BOOST_TEST(has(post, "Allow: GET, HEAD"));
}

BOOST_AUTO_TEST_CASE(more_admin_clients_than_allowed_wait_and_none_is_lost) {
    demo_gateway gateway;
    const socket_address admin = address(logged(gateway.log(), "ready", "admin"));
    std::vector<raw_client> clients;
    for (int i = 0; i < 40; ++i) {
        clients.emplace_back(admin);
        clients.back().send(
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }
    for (raw_client& one : clients)
        BOOST_TEST(one.read_to_end().bytes.starts_with("HTTP/1.1 200 "));
    // One that says nothing is not kept for ever.
    raw_client silent(admin);
    BOOST_TEST((silent.read_to_end().how != raw_client::ending::timeout));
}

BOOST_AUTO_TEST_CASE(health_asks_the_gateway_that_runs) {
    demo_gateway gateway;
    const std::string admin = to_string(gateway.admin());
    bare_gateway healthy({"--health", "--admin", admin});
    BOOST_TEST(healthy.ended() == 0);
    BOOST_TEST(healthy.log() == "");
    const std::string everywhere = "0.0.0.0:" + std::to_string(gateway.admin().port());
    bare_gateway by_variable({"--health"}, {"FINPOST_ADMIN=" + everywhere});
    BOOST_TEST(by_variable.ended() == 0);
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended() == 0);
    bare_gateway gone({"--health", "--admin", admin});
    BOOST_TEST(gone.ended() == 1);
    BOOST_TEST(gone.log() == "finpostd: admin port " + admin + ": Connection refused\n");
    bare_gateway off({"--health", "--admin", "off"});
    BOOST_TEST(off.ended() == 1);
    bare_gateway wrong({"--health", "--admin", "nowhere"});
    BOOST_TEST(wrong.ended() == 2);
}

BOOST_AUTO_TEST_CASE(idle_it_stops_at_once_and_says_what_it_served) {
    for (const int signal : {SIGTERM, SIGINT}) {
        demo_gateway gateway;
        BOOST_TEST(exchange(gateway.listens(), "hello").bytes == "hello");
        gateway.process().signal(signal);
        BOOST_TEST(gateway.ended(2s) == 0);
        BOOST_TEST(has(gateway.log(), "\"event\":\"stopped\",\"exchanges\":1,"));
    }
}

BOOST_AUTO_TEST_CASE(an_open_connection_without_a_byte_does_not_hold_it) {
    demo_gateway gateway;
    raw_client idle(gateway.listens());
    BOOST_REQUIRE(until([&] { return gateway.sample("finpost_sessions_active") == 1; }));
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended(2s) == 0);
}

BOOST_AUTO_TEST_CASE(an_exchange_in_flight_is_finished_before_it_stops) {
    demo_gateway gateway;
    raw_client client = begin_exchange(gateway, "first half, ");
    gateway.process().signal(SIGTERM);
    BOOST_REQUIRE(gateway.process().wait_for_error("\"event\":\"draining\""));
    const std::string readyz = gateway.get("/readyz");
    BOOST_TEST(readyz.starts_with("HTTP/1.1 503 "));
    BOOST_TEST(has(readyz, "draining"));
    client.send("second half").half_close();
    const auto reply = client.read_to_end();
    BOOST_TEST(reply.bytes == "first half, second half");
    BOOST_TEST((reply.how == raw_client::ending::fin));
    BOOST_TEST(gateway.ended(5s) == 0);
    BOOST_TEST(has(gateway.log(), "\"event\":\"stopped\",\"exchanges\":1,"));
    BOOST_TEST(has(gateway.log(), "\"finished\":1,\"cut\":0,\"seconds\":"), gateway.log());
}

BOOST_AUTO_TEST_CASE(the_grace_ends_what_does_not_finish) {
    demo_gateway gateway({"--drain", "200ms"});
    raw_client client = begin_exchange(gateway, "never ending");
    gateway.process().signal(SIGTERM);
    BOOST_TEST(client.read_to_end().bytes.starts_with("finpost: draining "));
    BOOST_TEST(gateway.ended(5s) == 0);
    BOOST_TEST(has(gateway.log(), "\"finished\":0,\"cut\":1,\"seconds\":"), gateway.log());
}

BOOST_AUTO_TEST_CASE(a_second_signal_stops_now) {
    for (const int second : {SIGTERM, SIGINT}) {
        demo_gateway gateway;
        raw_client client = begin_exchange(gateway, "never ending");
        gateway.process().signal(SIGTERM);
        BOOST_REQUIRE(gateway.process().wait_for_error("\"event\":\"draining\""));
        gateway.process().signal(second);
        const auto reply = client.read_to_end();
        BOOST_TEST(reply.bytes.starts_with("finpost: draining "));
        BOOST_TEST(gateway.ended(5s) == 0);
    }
}

BOOST_AUTO_TEST_CASE(any_number_of_signals_ends_it_cleanly) {
    demo_gateway gateway;
    raw_client client = begin_exchange(gateway, "never ending");
    for (int i = 0; i < 20; ++i) gateway.process().signal(i % 2 == 0 ? SIGTERM : SIGINT);
    // The kernel may merge equal signals that follow at once, but these two are not equal.
    BOOST_TEST(gateway.ended(5s) == 0);
    BOOST_TEST((client.read_to_end().how != raw_client::ending::timeout));
    BOOST_TEST(has(gateway.log(), "\"event\":\"stopped\""));
}

BOOST_AUTO_TEST_CASE(during_the_drain_delay_clients_are_served_and_readiness_is_gone) {
    demo_gateway gateway({"--drain-delay", "1m"});
    gateway.process().signal(SIGTERM);
    BOOST_REQUIRE(gateway.process().wait_for_error("\"event\":\"draining\""));
    BOOST_TEST(until([&] { return gateway.get("/readyz").starts_with("HTTP/1.1 503 "); }));
    BOOST_TEST(exchange(gateway.listens(), "still here").bytes == "still here");
    gateway.process().signal(SIGTERM); // cuts the delay short
    BOOST_TEST(gateway.ended(5s) == 0);
}

BOOST_AUTO_TEST_CASE(a_hangup_without_a_file_is_a_reload_of_what_was_given) {
    demo_gateway gateway({"--encode", "base64"}, {"FINPOST_MAX_PAYLOAD=100"});
    gateway.process().signal(SIGHUP);
    BOOST_REQUIRE(gateway.process().wait_for_error("\"event\":\"reloaded\""));
    BOOST_TEST(exchange(gateway.listens(), "hello").bytes == "aGVsbG8=");
    BOOST_TEST(exchange(gateway.listens(), std::string(101, 'x'))
                   .bytes.starts_with("finpost: too_large "));
    BOOST_TEST(gateway.sample("finpost_reloads_total{result=\"ok\"}") == 1);
    BOOST_TEST(gateway.get("/readyz").starts_with("HTTP/1.1 200 "));
}

BOOST_AUTO_TEST_CASE(wrong_options_are_all_told_and_nothing_is_started) {
    bare_gateway gateway(
        {"--max-payload", "huge", "--receive-idle", "-3s", "--what", "--decode", "x"});
    BOOST_TEST(gateway.ended() == 2);
    for (const char* part : {"--max-payload: \"huge\"", "--receive-idle: \"-3s\"", "\"--what\"",
                             "--decode: \"x\"", "--upstream: no URL"})
        BOOST_TEST(has(gateway.log(), part), gateway.log());
    bare_gateway nothing({});
    BOOST_TEST(nothing.ended() == 2);
    BOOST_TEST(has(nothing.log(), "--upstream: no URL"));
    BOOST_TEST(has(nothing.log(), "--demo"));
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_named_in_one_line) {
    demo_gateway first;
    const std::string taken = to_string(first.listens());
    bare_gateway second({"--demo", "--listen", taken, "--admin", "off"});
    BOOST_TEST(second.ended() == 1);
    BOOST_TEST(second.log() ==
               "finpostd: cannot listen on " + taken + ": Address already in use\n");
    bare_gateway third({"--demo", "--listen", "127.0.0.1:0", "--admin", taken});
    BOOST_TEST(third.ended() == 1);
    BOOST_TEST(third.log() ==
               "finpostd: admin port: cannot listen on " + taken + ": Address already in use\n");
}

BOOST_AUTO_TEST_CASE(help_and_version_go_to_standard_output) {
    bare_gateway help({"--help"});
    BOOST_TEST(help.ended() == 0);
    BOOST_TEST(has(help.process().output(), "FINPOST_MAX_PAYLOAD"));
    bare_gateway version({"--version"});
    BOOST_TEST(version.ended() == 0);
    BOOST_TEST(version.process().output().starts_with("finpostd "));
}

BOOST_AUTO_TEST_CASE(the_environment_is_heard_and_a_flag_is_heard_louder) {
    bare_gateway gateway({"--log-format", "json", "--decode", "none"},
                         {"FINPOST_DEMO=1", "FINPOST_LISTEN=127.0.0.1:0,[::1]:0",
                          "FINPOST_ADMIN=off", "FINPOST_DECODE=base64", "FINPOST_ENCODE=base64"});
    gateway.wait_ready();
    const std::string listen = logged(gateway.log(), "ready", "listen");
    BOOST_TEST(logged(gateway.log(), "ready", "admin") == "off");
    const std::size_t comma = listen.find(',');
    BOOST_REQUIRE(comma != listen.npos);
    BOOST_TEST(exchange(address(listen.substr(0, comma)), "hello").bytes == "aGVsbG8=");
    BOOST_TEST(exchange(address(listen.substr(comma + 1)), "hello").bytes == "aGVsbG8=");
}

BOOST_AUTO_TEST_CASE(base64_is_decoded_on_the_way_in_and_encoded_on_the_way_out) {
    demo_gateway in({"--decode", "base64"});
    BOOST_TEST(exchange(in.listens(), "aGVsbG8=\n").bytes == "hello");
    BOOST_TEST(exchange(in.listens(), "aGVsbG8").bytes.starts_with("finpost: bad_encoding "));
    demo_gateway both({"--decode", "base64", "--encode", "base64"});
    BOOST_TEST(exchange(both.listens(), "aGVsbG8=").bytes == "aGVsbG8=");
}

BOOST_AUTO_TEST_CASE(an_upstream_may_be_a_name) {
    if (!localhost_is_known()) return;
    demo_gateway service;
    const std::string url = logged(service.log(), "ready", "upstream");
    const std::string port = url.substr(url.rfind(':') + 1);
    bare_gateway gateway({"--upstream", "http://localhost:" + port, "--listen", "127.0.0.1:0",
                          "--admin", "127.0.0.1:0", "--log-format", "json"});
    gateway.wait_ready();
    BOOST_REQUIRE(until([&] { return gateway.get("/readyz").starts_with("HTTP/1.1 200 "); }));
    BOOST_TEST(exchange(gateway.listens(), "hello").bytes == "hello");
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended(2s) == 0);
    BOOST_TEST(has(gateway.log(), "\"event\":\"stopped\",\"exchanges\":1,"));
}

BOOST_AUTO_TEST_CASE(without_its_upstream_it_is_not_ready_and_says_why_and_for_how_long) {
    const refusing_port nobody;
    const std::string at = to_string(nobody.address());
    bare_gateway gateway({"--upstream", "http://" + at + "/", "--listen", "127.0.0.1:0", "--admin",
                          "127.0.0.1:0", "--log-format", "json"});
    gateway.wait_ready();
    // Nobody has sent anything: it finds out by itself, and never was ready.
    BOOST_REQUIRE(gateway.process().wait_for_error("\"upstream endpoint ejected\""));
    BOOST_TEST(logged(gateway.log(), "upstream endpoint ejected", "what") == "Connection refused");
    const std::string up = "finpost_upstream_endpoint_up{endpoint=\"" + at + "\"}";
    for (int i = 0; i < 3; ++i) {
        const std::string readyz = gateway.get("/readyz");
        BOOST_TEST(readyz.starts_with("HTTP/1.1 503 "), readyz);
        BOOST_TEST(has(readyz, "no usable endpoint: " + at + ": Connection refused, for "), readyz);
        BOOST_TEST(gateway.sample(up) == 0);
        const auto reply = exchange(gateway.listens(), "hello"); // it is asked all the same
        BOOST_TEST(reply.bytes.starts_with("finpost: upstream_unreachable "));
    }
    BOOST_TEST(gateway.get("/healthz").starts_with("HTTP/1.1 200 "));
}

BOOST_AUTO_TEST_CASE(at_debug_an_accepted_connection_is_described) {
    demo_gateway gateway({"--log-level", "debug"});
    raw_client client(gateway.listens());
    const std::string mine = to_string(client.local());
    client.send("hello").half_close();
    BOOST_TEST(client.read_to_end().bytes == "hello");
    BOOST_REQUIRE(gateway.process().wait_for_error("\"event\":\"exchange\""));
    const std::string log = gateway.log();
    BOOST_TEST(logged(log, "accepted", "family") == "AF_INET");
    BOOST_TEST(logged(log, "accepted", "type") == "SOCK_STREAM");
    BOOST_TEST(logged(log, "accepted", "local") == to_string(gateway.listens()));
    BOOST_TEST(logged(log, "accepted", "remote") == mine);
}

BOOST_AUTO_TEST_CASE(a_text_log_has_a_line_an_exchange) {
    bare_gateway gateway({"--demo", "--listen", "127.0.0.1:0", "--admin", "off", "--log-format",
                          "text", "--upstream-total", "56s"});
    BOOST_REQUIRE(gateway.process().wait_for_error(" pid="));
    const std::string log = gateway.log();
    BOOST_TEST(has(log, "Z warning upstream_total long upstream_total=56s what=\"NATs and "));
    const std::size_t at = log.find("Z info ready ");
    BOOST_REQUIRE(at != log.npos);
    const std::size_t listen = log.find(" listen=", at) + 8;
    const socket_address bound = address(log.substr(listen, log.find(' ', listen) - listen));
    BOOST_TEST(exchange(bound, "hello").bytes == "hello");
    BOOST_TEST(gateway.process().wait_for_error("Z info exchange id="));
}

BOOST_AUTO_TEST_CASE(a_log_file_takes_the_log_and_leaves_standard_error_alone) {
    std::string folder = "/tmp/finpost-daemon-XXXXXX";
    BOOST_REQUIRE(::mkdtemp(folder.data()) != nullptr);
    const std::string file = folder + "/log";
    bare_gateway gateway(
        {"--demo", "--listen", "127.0.0.1:0", "--admin", "off", "--log-file", file});
    const auto content = [&file] {
        std::ifstream in(file);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    BOOST_TEST(until([&] { return has(content(), "\"event\":\"ready\""); }));
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended(5s) == 0);
    BOOST_TEST(has(content(), "\"event\":\"stopped\""));
    BOOST_TEST(gateway.log() == "");
    ::unlink(file.c_str());
    ::rmdir(folder.c_str());
    bare_gateway nowhere({"--demo", "--listen", "127.0.0.1:0", "--log-file", file});
    BOOST_TEST(nowhere.ended() == 1);
    BOOST_TEST(has(nowhere.log(), "finpostd: cannot open the log file " + file));
}

BOOST_AUTO_TEST_CASE(a_renamed_log_file_is_opened_again_on_a_signal) {
    const temporary_folder folder;
    const std::string file = (folder.path() / "log").string();
    bare_gateway one({"--demo", "--listen", "127.0.0.1:0", "--admin", "off", "--log-file", file});
    const auto content = [](const std::string& name) {
        std::ifstream in(name);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    BOOST_REQUIRE(until([&] { return has(content(file), "\"pid\":"); }));
    const socket_address where = address(logged(content(file), "ready", "listen"));
    BOOST_TEST(exchange(where, "before").bytes == "before");
    std::filesystem::rename(file, file + ".old");
    one.process().signal(SIGUSR1);
    BOOST_REQUIRE(until([&] { return has(content(file), "\"event\":\"log reopened\""); }));
    BOOST_TEST(exchange(where, "after").bytes == "after");
    // What cannot be opened is told in the file that is still there.
    std::filesystem::rename(file, file + ".second");
    std::filesystem::create_directory(file);
    one.process().signal(SIGUSR1);
    BOOST_REQUIRE(until([&] { return has(content(file + ".second"), "\"log not reopened\""); }));
    one.process().signal(SIGTERM);
    BOOST_TEST(one.ended(5s) == 0);
    BOOST_TEST(has(content(file + ".old"), "\"event\":\"ready\""));
    // Lines gather for some milliseconds: the one before the signal may be in either.
    BOOST_TEST(has(content(file + ".old") + content(file + ".second"), "\"bytes_in\":6,"));
    BOOST_TEST(has(content(file + ".second"), "\"bytes_in\":5,"));
    BOOST_TEST(has(content(file + ".second"), "\"event\":\"stopped\""));
}

BOOST_AUTO_TEST_CASE(few_descriptors_mean_a_warning_and_fewer_connections) {
    child_process gateway({"sh", "-c", "ulimit -n 300 && exec \"$0\" \"$@\"", FINPOSTD_PATH,
                           "--demo", "--listen", "127.0.0.1:0", "--admin", "off", "--log-format",
                           "json"});
    BOOST_REQUIRE(gateway.wait_for_error("\"pid\":"));
    const std::string log = gateway.error();
    BOOST_TEST(has(log, "\"event\":\"descriptors short\",\"descriptors\":300,"), log);
    BOOST_TEST(has(log, "\"max_connections\":59,\"pid\":"), log);
    const std::string listen = logged(log, "ready", "listen");
    // All that it admits at once are served, and the rest after them.
    std::vector<raw_client> clients;
    for (int i = 0; i < 200; ++i) clients.emplace_back(address(listen));
    for (raw_client& one : clients) one.send("x");
    for (raw_client& one : clients) one.half_close();
    const auto served = std::count_if(clients.begin(), clients.end(), [](raw_client& one) {
        return one.read_to_end().bytes == "x";
    });
    BOOST_TEST(served == 200, gateway.error());
}

BOOST_AUTO_TEST_CASE(few_descriptors_are_enough_for_the_files_of_those_who_are_let_in) {
    scripted_upstream service;
    service.by_default(scripted_upstream::held(scripted_upstream::echo()));
    child_process gateway({"sh", "-c", "ulimit -n 300 && exec \"$0\" \"$@\"", FINPOSTD_PATH,
                           "--upstream", "http://" + to_string(service.address()) + "/", "--listen",
                           "127.0.0.1:0", "--admin", "off", "--log-format", "json", "--spill-above",
                           "1KiB"});
    BOOST_REQUIRE(gateway.wait_for_error("\"pid\":"));
    BOOST_TEST(has(gateway.error(), "\"max_connections\":78,\"pid\":"), gateway.error());
    const std::string listen = logged(gateway.error(), "ready", "listen");
    const std::string payload(10'000, 'x');
    std::vector<raw_client> clients;
    for (int i = 0; i < 200; ++i) clients.emplace_back(address(listen));
    for (raw_client& one : clients) one.send(payload).half_close();
    BOOST_TEST(service.wait_for_requests(78)); // a file each, and all at the same time
    service.open_gate();
    const auto served = std::count_if(clients.begin(), clients.end(), [&](raw_client& one) {
        return one.read_to_end().bytes == payload;
    });
    BOOST_TEST(served == 200, gateway.error());
}

BOOST_AUTO_TEST_CASE(a_log_file_that_is_a_pipe_nobody_reads_does_not_hold_up_the_start) {
    const temporary_folder folder;
    const std::string file = (folder.path() / "log").string();
    BOOST_REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    child_process gateway(
        {FINPOSTD_PATH, "--demo", "--listen", "127.0.0.1:0", "--admin", "off", "--log-file", file});
    // What is in the pipe waits for a reader; this one comes late.
    const int reader = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    BOOST_REQUIRE(reader >= 0);
    std::string log;
    BOOST_TEST(until([&] {
        std::array<char, 4096> buffer;
        const ssize_t n = ::read(reader, buffer.data(), buffer.size());
        if (n > 0) log.append(buffer.data(), static_cast<std::size_t>(n));
        return has(log, "\"pid\":");
    }));
    BOOST_TEST(exchange(address(logged(log, "ready", "listen")), "hello").bytes == "hello");
    ::close(reader);
    gateway.signal(SIGTERM);
    BOOST_TEST(gateway.wait(5s).value_or(-1) == 0);
}

BOOST_AUTO_TEST_CASE(with_one_thread_and_with_many_it_serves_the_same) {
    for (const char* threads : {"1", "8"}) {
        demo_gateway gateway({"--threads", threads, "--access-log", "off"});
        std::vector<raw_client> clients;
        for (int i = 0; i < 100; ++i) {
            clients.emplace_back(gateway.listens());
            clients.back().send(std::to_string(i)).half_close();
        }
        for (std::size_t i = 0; i < clients.size(); ++i)
            BOOST_TEST(clients[i].read_to_end().bytes == std::to_string(i));
        BOOST_TEST(!has(gateway.log(), "\"event\":\"exchange\""));
        BOOST_TEST(gateway.sample("finpost_exchanges_total{outcome=\"replied\"}") == 100);
    }
}

BOOST_AUTO_TEST_SUITE_END()
