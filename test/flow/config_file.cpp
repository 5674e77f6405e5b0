// `finpostd` with a configuration file: read at the start, checked, and read again at SIGHUP.
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

/// A file in a folder of its own, gone with this. Written whole, as an editor would.
class some_file {
public:
    explicit some_file(const std::string& text) { write(text); }
    void write(const std::string& text) const {
        std::ofstream(path() + ".new") << text;
        std::filesystem::rename(path() + ".new", path());
    }
    std::string path() const { return folder_.path() / "finpost.toml"; }

private:
    temporary_folder folder_;
};

/// `finpostd --config FILE`, ready, its log as JSON.
class configured_gateway : public bare_gateway {
public:
    explicit configured_gateway(const some_file& file, strings more = {})
        : bare_gateway(with_usual(file, std::move(more))) {
        wait_ready();
    }

    socket_address listens(std::size_t n) const {
        std::string all = logged(log(), "ready", "listen");
        for (; n > 0; --n) all.erase(0, all.find(',') + 1);
        return address(all.substr(0, all.find(',')));
    }

    /// Reads the file again; false when that fails.
    bool reload() {
        const double ok = reloads("ok");
        const double failed = reloads("failed");
        process().signal(SIGHUP);
        double now_ok = ok;
        BOOST_TEST_REQUIRE(until([&] {
            now_ok = reloads("ok");
            return now_ok > ok || reloads("failed") > failed;
        }));
        return now_ok > ok;
    }
    /// The log comes a moment after what it tells of.
    bool said(const std::string& text) { return process().wait_for_error(text); }
    double reloads(const std::string& result) {
        return sample("finpost_reloads_total{result=\"" + result + "\"}");
    }

private:
    static strings with_usual(const some_file& file, strings more) {
        const strings usual{"--config",    file.path(),    "--admin",
                            "127.0.0.1:0", "--log-format", "json"};
        more.insert(more.begin(), usual.begin(), usual.end());
        return more;
    }
};

std::string listener(const std::string& upstream, const std::string& more = {},
                     const std::string& listen = "127.0.0.1:0") {
    return "[[listeners]]\nlisten = \"" + listen + "\"\nupstream = \"" + upstream + "\"\n" + more;
}

std::string table_of(const std::string& name, const scripted_upstream& service,
                     const std::string& more = {}) {
    return "[upstreams." + name + "]\nendpoints = \"http://" + to_string(service.address()) +
           "\"\n" + more;
}

scripted_upstream::script saying(const std::string& word) {
    return scripted_upstream::raw(response(200, word));
}

} // namespace

BOOST_AUTO_TEST_SUITE(config_file)

BOOST_AUTO_TEST_CASE(each_listener_has_rules_and_an_upstream_of_its_own) {
    scripted_upstream one, two;
    one.by_default(saying("one"));
    const some_file file(listener("one", "max_payload = 5\n") +
                         listener("two", "decode = \"base64\"\n") + table_of("one", one) +
                         table_of("two", two,
                                  "method = \"PUT\"\n"
                                  "path = \"/from/{peer.ip}?n={payload.bytes}\"\n"
                                  "[upstreams.two.headers]\nX-Id = \"<{request.id}>\"\n"));
    configured_gateway gateway(file);
    BOOST_TEST(exchange(gateway.listens(0), "hello").bytes == "one");
    BOOST_TEST(refusal_reason(exchange(gateway.listens(0), "hello!").bytes) == "too_large");
    BOOST_TEST(exchange(gateway.listens(1), "aGVsbG8h").bytes == "hello!");
    const auto seen = two.requests();
    BOOST_REQUIRE(seen.size() == 1u);
    BOOST_TEST(seen[0].request_line() == "PUT /from/127.0.0.1?n=6 HTTP/1.1");
    BOOST_TEST(seen[0].field("X-Id") == '<' + seen[0].field("X-Request-Id") + '>');
    BOOST_TEST(one.requests().at(0).request_line() == "POST / HTTP/1.1");
}

BOOST_AUTO_TEST_CASE(a_broken_file_is_told_whole_and_nothing_starts) {
    const some_file file("max_payload = \"1x\"\nbogus = 1\n");
    bare_gateway gateway({"--config", file.path(), "--threads", "0"});
    BOOST_TEST(gateway.ended() == 2);
    BOOST_TEST(has(gateway.log(), "finpostd: " + file.path() + ":1: max_payload: \"1x\" is not a"));
    BOOST_TEST(has(gateway.log(), "finpostd: " + file.path() + ":2: bogus: unknown option\n"));
    BOOST_TEST(has(gateway.log(), "finpostd: --threads: \"0\""));
    BOOST_TEST(has(gateway.log(), "--upstream: no URL"));
}

BOOST_AUTO_TEST_CASE(a_flag_wins_over_a_variable_and_a_variable_over_the_file) {
    const some_file file("demo = true\nmax_payload = 1\nmax_reply = 1\nreply_total = \"1s\"\n");
    bare_gateway checked({"--check", "--max-payload", "3"},
                         {"FINPOST_CONFIG=" + file.path(), "FINPOST_MAX_PAYLOAD=2",
                          "FINPOST_MAX_REPLY=2", "FINPOST_LISTEN=127.0.0.1:0",
                          "FINPOST_ADMIN=off"});
    BOOST_TEST(checked.ended() == 0);
    const std::string shown = checked.process().output();
    for (const char* line :
         {"\nmax_payload = \"3\"\n", "\nmax_reply = \"2\"\n", "\nreply_total = \"1s\"\n",
          "\nlisten = [\"127.0.0.1:0\"]\n", "\nadmin = \"off\"\n", "\nmax_connections = 10000\n"})
        BOOST_TEST(has(shown, line), line << shown);
}

// A container cannot unset what its image has set.
BOOST_AUTO_TEST_CASE(an_empty_variable_leaves_it_to_a_file_that_says_it) {
    const some_file file(
        "demo = true\nlisten = \"127.0.0.1:0\"\nadmin = \"off\"\nallow = \"192.0.2.0/24\"\n");
    const std::string config = "FINPOST_CONFIG=" + file.path();
    bare_gateway checked({"--check"},
                         {config, "FINPOST_LISTEN=", "FINPOST_ADMIN=", "FINPOST_ALLOW="});
    BOOST_TEST(checked.ended() == 0);
    const std::string shown = checked.process().output();
    for (const char* line : {"\nlisten = [\"127.0.0.1:0\"]\n", "\nadmin = \"off\"\n",
                             "\nallow = [\"192.0.2.0/24\"]\n"})
        BOOST_TEST(has(shown, line), line << shown);
    // Else it is what an empty flag is.
    bare_gateway refused({"--check"}, {config, "FINPOST_DENY="});
    BOOST_TEST(refused.ended() == 2);
    BOOST_TEST(has(refused.log(), "(from FINPOST_DENY)"), refused.log());
}

BOOST_AUTO_TEST_CASE(a_check_says_what_the_machine_cannot_do) {
    const refusing_port taken;
    const some_file file("upstream = \"http://127.0.0.1:1\"\nupstream_total = \"56s\"\n"
                         "listen = [\"192.0.2.1:5000\", \"" +
                         to_string(taken.address()) +
                         "\"]\nlog_file = \"/nowhere/log\"\nadmin = \"off\"\n");
    child_process checked({"sh", "-c", "ulimit -n 300 && exec \"$0\" \"$@\"", FINPOSTD_PATH,
                           "--check", "--config", file.path()});
    BOOST_TEST(checked.wait().value_or(-1) == 2);
    const std::string said = checked.error();
    BOOST_TEST(has(said, "listen: 192.0.2.1:5000 cannot be bound: Cannot assign"), said);
    BOOST_TEST(has(said, "log_file: /nowhere/log cannot be written: No such file"), said);
    BOOST_TEST(has(said, "(ulimit -n), 300, is enough for "), said);
    BOOST_TEST(has(said, "upstream_total: 56s: NATs"), said);
    BOOST_TEST(checked.output() == "");
}

BOOST_AUTO_TEST_CASE(a_check_finds_what_the_start_would_and_leaves_nothing_behind) {
    const temporary_folder folder;
    const std::string port = to_string(refusing_port().address());
    const std::string taken = "listen = [\"" + port + "\"]\nadmin = \"" + port + "\"\n";
    const std::string all = "listen = [\"" + port + "\", \"0.0.0.0" + port.substr(port.rfind(':')) +
                            "\"]\nadmin = \"off\"\n";
    const std::string directory = "listen = [\"127.0.0.1:0\"]\nadmin = \"off\"\nlog_file = \"" +
                                  folder.path().string() + "\"\n";
    for (const std::string& text : {taken, all, directory}) {
        const some_file file("demo = true\n" + text);
        bare_gateway checked({"--check", "--config", file.path()});
        BOOST_TEST(checked.ended() == 2);
        BOOST_TEST(checked.log().ends_with("\nfinpostd: 1 problem\n"), checked.log());
        bare_gateway started({"--config", file.path()});
        BOOST_TEST(started.ended() != 0);
    }
    const std::string log = (folder.path() / "log").string();
    bare_gateway good(
        {"--check", "--demo", "--listen", "127.0.0.1:0", "--admin", "off", "--log-file", log});
    BOOST_TEST(good.ended() == 0);
    BOOST_TEST(std::filesystem::is_empty(folder.path()));
    BOOST_TEST(good.log().ends_with("finpostd: the configuration is good\n"), good.log());
}

BOOST_AUTO_TEST_CASE(a_check_that_connects_says_which_endpoint_cannot_be_reached) {
    demo_gateway service(
        {"--on-refusal", "line"}); // its admin port is an HTTP service with a health path
    const std::string there = "http://" + to_string(service.admin());
    const std::string gone = "http://" + to_string(refusing_port().address());
    const strings usual{"--check", "--connect", "--listen", "127.0.0.1:0", "--admin", "off"};
    const auto check = [&](strings more) {
        more.insert(more.begin(), usual.begin(), usual.end());
        return more;
    };
    bare_gateway good(check({"--upstream", there, "--health-path", "/healthz"}));
    BOOST_TEST(good.ended() == 0);
    BOOST_TEST(has(good.log(), "upstream: " + there + "/: can be reached and is well\n"),
               good.log());
    bare_gateway ill(check({"--upstream", there, "--health-path", "/nowhere"}));
    BOOST_TEST(ill.ended() == 2);
    BOOST_TEST(has(ill.log(), "GET /nowhere: it answers with status 404"), ill.log());
    bare_gateway dead(check({"--upstream", there, "--upstream", gone}));
    BOOST_TEST(dead.ended() == 2);
    BOOST_TEST(has(dead.log(), "upstream: " + gone + "/: Connection refused\n"), dead.log());
    BOOST_TEST(dead.log().ends_with("\nfinpostd: 1 problem\n"), dead.log());
    bare_gateway plain(
        check({"--upstream", "https://" + to_string(service.admin()), "--upstream-insecure"}));
    BOOST_TEST(plain.ended() == 2);
    BOOST_TEST(has(plain.log(), "/: no TLS: "), plain.log());
}

BOOST_AUTO_TEST_CASE(a_deep_file_ends_neither_a_check_nor_a_running_gateway) {
    std::string deep = "demo = true\n[a";
    for (int i = 0; i < 40'000; ++i) deep += ".a";
    const some_file bad(deep + "]\n");
    bare_gateway checked({"--check", "--config", bad.path()});
    BOOST_TEST(checked.ended() == 2);
    BOOST_TEST(has(checked.log(), ":2: [too deep]: "), checked.log());
    const some_file file(
        "demo = true\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nlog_format = \"json\"\n");
    configured_gateway running(file);
    file.write(deep + "]\n");
    BOOST_TEST(!running.reload());
    BOOST_TEST(exchange(running.listens(0), "hello").bytes == "hello");
}

BOOST_AUTO_TEST_CASE(what_is_ready_shows_no_secret) {
    bare_gateway gateway({"--upstream", "http://127.0.0.1:1/hook?token=SECRET", "--listen",
                          "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json"});
    gateway.wait_ready();
    BOOST_TEST(logged(gateway.log(), "ready", "upstream") ==
               "http://127.0.0.1:1/hook?token=********");
    BOOST_TEST(!has(gateway.get("/config"), "SECRET"));
}

BOOST_AUTO_TEST_CASE(what_a_check_prints_is_a_file) {
    const std::string free = to_string(refusing_port().address());
    const some_file file("demo = true\nlisten = \"" + free + "\"\nadmin = \"off\"\n");
    bare_gateway checked({"--check", "--config", file.path()});
    BOOST_TEST(checked.ended() == 0);
    BOOST_TEST(checked.log() == "finpostd: listen: " + free +
                                    " can be bound\n"
                                    "finpostd: the configuration is good\n");
    // What it prints is a file.
    const some_file shown(checked.process().output());
    bare_gateway again({"--check", "--config", shown.path()});
    BOOST_TEST(again.ended() == 0);
    BOOST_TEST(again.process().output() == checked.process().output());
}

BOOST_AUTO_TEST_CASE(a_reload_changes_rules_and_upstream_for_who_comes_next) {
    scripted_upstream one, two;
    one.by_default(saying("one"));
    two.by_default(saying("two"));
    const some_file file(listener("a") + table_of("a", one));
    configured_gateway gateway(file);
    BOOST_TEST(exchange(gateway.listens(0), "x").bytes == "one");
    raw_client before(gateway.listens(0));
    before.send("long ");
    BOOST_REQUIRE(until([&] { return gateway.sample("finpost_sessions_active") == 1; }));
    file.write(listener("a", "max_payload = 3\n") + table_of("a", two));
    BOOST_TEST(gateway.reload());
    BOOST_TEST(exchange(gateway.listens(0), "x").bytes == "two");
    BOOST_TEST(refusal_reason(exchange(gateway.listens(0), "long").bytes) == "too_large");
    before.send("payload").half_close();
    BOOST_TEST(before.read_to_end().bytes == "one"); // by the rules it began with
    BOOST_TEST(one.requests().back().body == "long payload");
}

BOOST_AUTO_TEST_CASE(an_upstream_that_stays_keeps_its_connections) {
    scripted_upstream service;
    const some_file file(listener("a") + table_of("a", service));
    configured_gateway gateway(file, {"--threads", "1"}); // each thread has connections of its own
    BOOST_TEST(exchange(gateway.listens(0), "x").bytes == "x");
    file.write(listener("a", "max_payload = 3\n") + table_of("a", service));
    BOOST_TEST(gateway.reload());
    BOOST_TEST(exchange(gateway.listens(0), "y").bytes == "y");
    BOOST_TEST(service.connections() == 1u);
    file.write(listener("a") + table_of("a", service, "upstream_total = \"20s\"\n"));
    BOOST_TEST(gateway.reload());
    BOOST_TEST(exchange(gateway.listens(0), "z").bytes == "z");
    BOOST_TEST(service.connections() == 2u);
    BOOST_TEST(service.wait_for_open_connections(1)); // the old one's are closed
}

BOOST_AUTO_TEST_CASE(a_reload_that_fails_says_why_and_changes_nothing) {
    scripted_upstream service;
    const refusing_port taken;
    const some_file file(listener("a") + table_of("a", service));
    configured_gateway gateway(file);
    file.write(listener("a", "max_payload = \"1x\"\nbogus = 1\n") + table_of("a", service));
    BOOST_TEST(!gateway.reload());
    BOOST_TEST(gateway.said(":4: max_payload: \\\"1x\\\" is not a size"));
    BOOST_TEST(gateway.said(":5: bogus: unknown option in this table"));
    file.write(listener("b", "max_payload = 1\n") + listener("b", "", to_string(taken.address())) +
               table_of("b", service));
    BOOST_TEST(!gateway.reload());
    BOOST_TEST(gateway.said("cannot listen on " + to_string(taken.address())));
    std::filesystem::remove(file.path());
    BOOST_TEST(!gateway.reload());
    BOOST_TEST(gateway.said("cannot be read: No such file"));
    BOOST_TEST(exchange(gateway.listens(0), "as before").bytes == "as before");
    BOOST_TEST(gateway.reloads("failed") == 3);
    BOOST_TEST(gateway.reloads("ok") == 0);
}

BOOST_AUTO_TEST_CASE(what_needs_a_restart_is_named_and_stays) {
    const some_file file("demo = true\nlisten = \"127.0.0.1:0\"\nthreads = 2\n");
    configured_gateway gateway(file);
    file.write("demo = true\nlisten = \"127.0.0.1:0\"\nthreads = 3\nlog_level = \"error\"\n"
               "max_payload = 3\n");
    BOOST_TEST(gateway.reload());
    BOOST_TEST(gateway.said("\"event\":\"restart needed\",\"settings\":\"threads,log_level\""));
    BOOST_TEST(refusal_reason(exchange(gateway.listens(0), "four").bytes) == "too_large");
    BOOST_TEST(exchange(gateway.listens(0), "abc").bytes == "abc");
}

BOOST_AUTO_TEST_CASE(through_a_thousand_reloads_half_of_them_broken_no_exchange_fails) {
    scripted_upstream one, two;
    const strings good{listener("a", "access_log = \"off\"\n") +
                           listener("a", "access_log = \"off\"\n") + table_of("a", one),
                       listener("a", "access_log = \"off\"\nmax_payload = 100\n") +
                           listener("b", "access_log = \"off\"\n") + table_of("a", one) +
                           table_of("b", two)};
    const some_file file(good[0]);
    configured_gateway gateway(file, {"--threads", "2"});
    std::atomic<bool> over{false};
    std::atomic<std::size_t> served{0};
    std::vector<std::string> failures(3);
    std::vector<std::thread> clients;
    for (std::size_t i = 0; i < failures.size(); ++i) {
        clients.emplace_back([&, i, where = gateway.listens(i % 2)] {
            for (std::size_t n = 0; !over && failures[i].empty(); ++n) {
                const std::string payload = std::to_string(i) + '/' + std::to_string(n);
                try {
                    const auto got = test::exchange(where, payload);
                    if (got.bytes != payload) failures[i] = payload + " became " + got.bytes;
                    ++served;
                } catch (const std::exception& failed) {
                    failures[i] = failed.what();
                }
            }
        });
    }
    for (std::size_t i = 0; i < 1000; ++i) {
        const bool broken = i % 2 == 1;
        file.write(broken ? good[0] + "bogus = 1\n" : good[i / 2 % 2]);
        const bool made = gateway.reload();
        if (made == broken) BOOST_ERROR("reload " << i << " went the other way");
    }
    over = true;
    for (std::thread& one_client : clients) one_client.join();
    for (const std::string& failure : failures) BOOST_TEST(failure == "");
    BOOST_TEST(served > 500u);
    BOOST_TEST(gateway.reloads("ok") == 500);
    BOOST_TEST(gateway.reloads("failed") == 500);
    BOOST_TEST(gateway.sample("finpost_sessions_active") == 0);
    BOOST_TEST(gateway.sample("finpost_exchanges_total{outcome=\"replied\"}") == served);
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended(5s) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
