// The program with a queue: what its clients and its operator see.
#include "flow/queue_gateway.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

struct fixture : queue_gateway {
    // With a file, to be changed and read again.
    void begin_with(const std::string& more) {
        write(more);
        gateway.emplace(strings{"--config", file()});
        gateway->wait_ready();
    }
    void reload_with(const std::string& more, const std::string& event = "reloaded") {
        write(more);
        gateway->process().signal(SIGHUP);
        BOOST_REQUIRE(gateway->process().wait_for_error("\"event\":\"" + event + '"'));
    }
    std::string file() const { return (folder.path() / "finpost.toml").string(); }
    std::string queue_key() const { return "queue_dir = \"" + queue() + "\"\n"; }
    void write(const std::string& more) const {
        std::ofstream(file()) << "upstream = \"http://" + to_string(upstream.address()) +
                                     "/\"\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n"
                                     "log_format = \"json\"\n" +
                                     more;
    }
    double sample(const std::string& name) { return gateway->sample("finpost_queue_" + name); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpostd_queue, fixture)

BOOST_AUTO_TEST_CASE(what_has_a_receipt_survives_a_kill) {
    upstream.by_default(scripted_upstream::echo(503));
    begin();
    const std::string id = stored("hello");
    kill();
    upstream.by_default(scripted_upstream::echo());
    const std::size_t before = upstream.count();
    begin();
    BOOST_TEST(upstream.wait_for_requests(before + 1));
    for (const auto& seen : upstream.requests()) {
        BOOST_TEST(seen.body == "hello");
        BOOST_TEST(seen.field("Idempotency-Key") == id);
    }
    BOOST_TEST(until([&] { return sample("delivered_total") == 1; }));
    BOOST_TEST(sample("recovered_total") == 1);
    BOOST_TEST(sample("stored_total") == 0);
    BOOST_TEST(sample("payloads{state=\"waiting\"}") == 0);
    end();
}

// What the README begins with, as a newcomer tries it.
BOOST_AUTO_TEST_CASE(the_demo_service_shows_what_a_kill_left_behind) {
    const strings flags{"--demo",      "--listen",     "127.0.0.1:0", "--admin",
                        "127.0.0.1:0", "--log-format", "json",        "--delivery",
                        "queue",       "--queue-dir",  queue()};
    gateway.emplace(flags);
    gateway->wait_ready();
    stored("hello");
    kill();
    gateway.emplace(flags);
    gateway->wait_ready();
    // It may have been delivered before the kill, which can take the line about it away.
    if (sample("recovered_total") == 1)
        BOOST_TEST(gateway->process().wait_for_error("\"event\":\"demo request\""));
    BOOST_TEST(until([&] { return sample("payloads{state=\"waiting\"}") == 0; }));
    stored("again");
    BOOST_TEST(gateway->process().wait_for_error("\"event\":\"demo request\",\"bytes\":5"));
    end();
}

BOOST_AUTO_TEST_CASE(a_delivery_that_a_kill_cuts_is_made_again_at_once) {
    upstream.on(1, scripted_upstream::never());
    begin();
    const std::string id = stored("hello");
    BOOST_TEST(upstream.wait_for_requests(1));
    kill();
    begin();
    BOOST_TEST(upstream.wait_for_requests(2));
    BOOST_TEST(upstream.requests().at(1).field("Idempotency-Key") == id);
    end();
}

BOOST_AUTO_TEST_CASE(a_clean_end_leaves_one_small_database) {
    begin();
    for (int i = 0; i < 20; ++i) stored("payload " + std::to_string(i));
    BOOST_TEST(upstream.wait_for_requests(20));
    end();
    BOOST_TEST(std::filesystem::file_size(queue() + "/queue.db-wal") == 0u);
    BOOST_TEST(has(gateway->log(), "\"queued\":20"));
    begin();
    BOOST_TEST(sample("recovered_total") == 0);
    end();
}

BOOST_AUTO_TEST_CASE(the_admin_port_shows_what_is_in_it) {
    upstream.by_default(scripted_upstream::echo(422));
    begin();
    stored("hello");
    BOOST_TEST(until([&] { return sample("payloads{state=\"dead\"}") == 1; }));
    const std::string page = gateway->get("/queue");
    BOOST_TEST(has(page, "\"dead\":{\"payloads\":1,\"bytes\":5}"), page);
    BOOST_TEST(has(page, "\"oldest_seconds\":null"), page);
    // It is counted when it has been noted.
    BOOST_TEST(until([&] { return sample("dead_total{reason=\"refused\"}") == 1; }));
    BOOST_TEST(gateway->process().wait_for_error("\"event\":\"dead letter\""));
    BOOST_TEST(!has(gateway->log(), "hello")); // a payload is nobody's business
    end();
}

BOOST_AUTO_TEST_CASE(a_second_process_is_told_who_has_it) {
    begin();
    bare_gateway second(flags({"--delivery", "queue"}));
    BOOST_TEST(second.ended() == 1);
    BOOST_TEST(has(second.log(), "finpostd: queue: "), second.log());
    BOOST_TEST(has(second.log(), "is in use by process "), second.log());
    end();
}

// A restart is what helps, and whoever watches over the process makes one.
BOOST_AUTO_TEST_CASE(a_queue_that_has_failed_ends_the_process) {
    upstream.by_default(scripted_upstream::echo(503));
    const std::string broken = (folder.path() / "broken").string();
    const char* const others = std::getenv("ASAN_OPTIONS"); // NOLINT(concurrency-mt-unsafe)
    gateway.emplace(flags({"--delivery", "queue"}),
                    strings{"LD_PRELOAD=" FAILING_SYNCS, "SYNCS_FAIL_WHILE=" + broken,
                            "ASAN_OPTIONS=" + std::string(others != nullptr ? others : "") +
                                ":verify_asan_link_order=0"});
    gateway->wait_ready();
    stored("hello");
    // The delivery of the first one may meet the failure before this one does: then it is refused
    // by a process that ends.
    raw_client client(gateway->listens());
    BOOST_REQUIRE(until([&] { return gateway->sample("finpost_sessions_active") == 1; }));
    std::ofstream(broken) << "now";
    client.send("lost").half_close();
    const std::string why = refusal_reason(client.read_to_end().bytes);
    BOOST_TEST((why == "queue_failed" || why == "draining"), why);
    BOOST_TEST(gateway->ended() == 1);
    BOOST_TEST(has(gateway->log(), "\"event\":\"queue failed\""));
    BOOST_TEST(logged(gateway->log(), "draining", "signal") == "none");
    begin(); // on a disk that works
    BOOST_TEST(sample("recovered_total") >= 1);
    end();
}

BOOST_AUTO_TEST_CASE(a_fallback_relays_and_stores) {
    begin({"--delivery", "fallback"});
    BOOST_TEST(exchange(gateway->listens(), "hello").bytes == "hello");
    upstream.on(2, scripted_upstream::echo(503));
    const std::string id = stored("later");
    BOOST_TEST(upstream.wait_for_requests(3));
    BOOST_TEST(upstream.requests().at(1).field("Idempotency-Key") == id);
    BOOST_TEST(upstream.requests().at(2).field("Idempotency-Key") == id);
    end();
}

BOOST_AUTO_TEST_CASE(a_backlog_is_delivered_though_no_listener_stores) {
    upstream.by_default(scripted_upstream::echo(503));
    begin();
    stored("hello");
    kill();
    upstream.by_default(scripted_upstream::echo());
    begin({});
    BOOST_TEST(until([&] { return sample("delivered_total") == 1; }));
    BOOST_TEST(exchange(gateway->listens(), "now").bytes == "now");
    end();
}

BOOST_AUTO_TEST_CASE(a_reload_changes_what_becomes_of_payloads) {
    begin_with(queue_key() + "delivery = \"relay\"\n");
    BOOST_TEST(exchange(gateway->listens(), "hello").bytes == "hello");
    reload_with(queue_key() + "delivery = \"queue\"\n");
    stored("later");
    BOOST_TEST(upstream.wait_for_requests(2));
    end();
}

// A connection keeps the rules it began with, and may stay for days.
BOOST_AUTO_TEST_CASE(what_is_stored_by_the_rules_of_before_a_reload_is_delivered) {
    const std::string rules = queue_key() + "delivery = \"queue\"\nframe = \"line\"\n";
    begin_with(rules + "retry_first = \"50ms\"\n");
    raw_client before(gateway->listens());
    before.send("one\n");
    BOOST_TEST(before.read_at_least(53).starts_with("finpost: queued "));
    BOOST_TEST(upstream.wait_for_requests(1));
    reload_with(rules + "retry_first = \"60ms\"\n");
    before.send("two\n");
    BOOST_TEST(before.read_at_least(53).starts_with("finpost: queued "));
    BOOST_TEST(upstream.wait_for_requests(2));
    end();
}

BOOST_AUTO_TEST_CASE(a_reload_that_asks_for_a_queue_where_there_is_none_changes_nothing) {
    begin_with("");
    reload_with(queue_key() + "delivery = \"queue\"\n", "reload failed");
    BOOST_TEST(has(gateway->log(), "--queue-dir needs a restart"));
    BOOST_TEST(exchange(gateway->listens(), "hello").bytes == "hello");
    BOOST_TEST(gateway->get("/queue").starts_with("HTTP/1.1 404 "));
    end();
}

BOOST_AUTO_TEST_CASE(a_check_looks_at_the_directory_and_makes_nothing) {
    const auto checked = [&](const std::string& directory) {
        bare_gateway one({"--demo", "--check", "--listen", "127.0.0.1:0", "--admin", "off",
                          "--delivery", "queue", "--queue-dir", directory});
        const int code = one.ended();
        return std::to_string(code) + ' ' + one.log();
    };
    BOOST_TEST(checked(queue()) == "0 finpostd: the configuration is good\n");
    BOOST_TEST(!std::filesystem::exists(queue()));
    begin();
    BOOST_TEST(has(checked(queue()), "queue_dir: " + queue() + ": is in use by process "));
    BOOST_TEST(checked(queue()).starts_with("0 "));
    end();
    std::filesystem::permissions(queue(), std::filesystem::perms::all);
    const std::string found = checked(queue());
    BOOST_TEST(has(found, "queue_dir: " + queue() + ": can be written by others: chmod 0700"),
               found);
    BOOST_TEST(found.starts_with("2 "));
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_told) {
    const auto told = [&](strings more) {
        more.insert(more.begin(), {"--demo", "--check"});
        bare_gateway checked(std::move(more));
        BOOST_TEST(checked.ended() == 2);
        return checked.log();
    };
    BOOST_TEST(has(told({"--delivery", "queue"}), "--delivery: needs a queue: --queue-dir"));
    BOOST_TEST(has(told({"--delivery", "queue", "--queue-dir", "/tmp/q", "--stream-above", "1KiB"}),
                   "--stream-above: does not go together with a delivery by the queue"));
    BOOST_TEST(has(told({"--retry-first", "10m"}), "--retry-most: must be at least --retry-first"));
}

BOOST_AUTO_TEST_SUITE_END()
