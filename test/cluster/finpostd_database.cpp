// The program with a queue in a PostgreSQL: what its clients and its operator see.
#include "cluster/postgres_place.hpp"
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"

#include "finpost/postgres_queue.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <optional>
#include <string>

using namespace finpost;
using namespace finpost::test;

namespace {

// With its tables.
std::string url_of(const queue_tables& tables) {
    const postgres_queue_config config = tables.config();
    BOOST_REQUIRE(make_postgres_queue(config).has_value());
    return config.url;
}

struct fixture {
    strings flags(const std::string& url, strings more = {}) const {
        strings all{"--upstream",       "http://" + to_string(upstream.address()) + "/upload",
                    "--listen",         "127.0.0.1:0",
                    "--admin",          "127.0.0.1:0",
                    "--log-format",     "json",
                    "--delivery",       delivery,
                    "--queue-timeout",  "1s",
                    "--retry-first",    "50ms",
                    "--retry-most",     "200ms",
                    "--queue-database", url};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    void begin(const std::string& url, strings more = {}) {
        gateway.emplace(flags(url, std::move(more)));
        gateway->wait_ready();
    }
    // The exit code, and what was said.
    std::string told(const std::string& url, strings more = {}) {
        bare_gateway one(flags(url, std::move(more)));
        const int code = one.ended();
        return std::to_string(code) + ' ' + one.log() + one.process().output();
    }
    std::string send(std::string_view payload) {
        return exchange(gateway->listens(), payload).bytes;
    }
    bool is_ready(bool ready) {
        return until([&] { return has(gateway->get("/readyz"), ready ? " 200 " : " 503 "); });
    }
    void end() {
        gateway->process().signal(SIGTERM);
        BOOST_TEST(gateway->ended() == 0);
    }

    std::string delivery = "queue";
    scripted_upstream upstream;
    std::optional<bare_gateway> gateway;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpostd_database, fixture)

BOOST_AUTO_TEST_CASE(what_has_a_receipt_is_delivered) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    const std::string url = url_of(tables);
    begin(url);
    BOOST_TEST(is_ready(true));
    const std::string receipt = send("hello");
    BOOST_TEST(receipt.starts_with("finpost: queued "), receipt);
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(upstream.requests().at(0).body == "hello");
    BOOST_TEST(upstream.requests().at(0).field("Idempotency-Key") == receipt.substr(16, 36));
    BOOST_TEST(until([&] { return gateway->sample("finpost_queue_delivered_total") == 1; }));
    BOOST_TEST(tables.sql("select count(*) from finpost_payloads") == "0");
    BOOST_TEST(has(gateway->get("/queue"), "\"delivering\":0"));
    end();
}

BOOST_AUTO_TEST_CASE(a_kill_loses_nothing_that_has_a_receipt) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    const std::string url = url_of(tables);
    upstream.by_default(scripted_upstream::echo(503));
    begin(url);
    const std::string receipt = send("hello");
    BOOST_TEST(receipt.starts_with("finpost: queued "), receipt);
    gateway->process().signal(SIGKILL);
    BOOST_REQUIRE(gateway->ended() == 128 + SIGKILL);
    // What it had asked for goes on without it: a claim would set a lease behind ours.
    BOOST_REQUIRE(until([&] {
        return tables.sql("select count(*) from pg_stat_activity where application_name like "
                          "'finpost %'") == "0";
    }));
    upstream.by_default(scripted_upstream::echo());
    const std::size_t before = upstream.count();
    tables.sql("update finpost_payloads set lease_until = null"); // which would end by itself
    begin(url);
    BOOST_TEST(upstream.wait_for_requests(before + 1));
    BOOST_TEST(upstream.requests().back().field("Idempotency-Key") == receipt.substr(16, 36));
    BOOST_TEST(until([&] { return gateway->sample("finpost_queue_delivered_total") == 1; }));
    end();
}

BOOST_AUTO_TEST_CASE(what_a_dead_gateway_was_delivering_is_recovered) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    const std::string url = url_of(tables);
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    begin(url);
    BOOST_TEST(send("hello").starts_with("finpost: queued "));
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(gateway->sample("finpost_queue_recovered_total") == 0);
    gateway->process().signal(SIGKILL);
    BOOST_REQUIRE(gateway->ended() == 128 + SIGKILL);
    upstream.open_gate();
    tables.sql("update finpost_payloads set lease_until = statement_timestamp()");
    begin(url);
    BOOST_TEST(until([&] { return gateway->sample("finpost_queue_delivered_total") == 1; }));
    BOOST_TEST(gateway->sample("finpost_queue_recovered_total") == 1);
    end();
}

BOOST_AUTO_TEST_CASE(a_database_that_is_away_is_waited_for) {
    if (!postgres_server::there()) return;
    postgres_server server;
    const queue_tables tables(server);
    const std::string url = url_of(tables);
    server.kill();
    begin(url);
    BOOST_TEST(is_ready(false));
    BOOST_TEST(has(gateway->get("/readyz"), "queue: "));
    BOOST_TEST(refusal_reason(send("lost")) == "queue_failed");
    server.start();
    BOOST_TEST(is_ready(true));
    BOOST_TEST(send("hello").starts_with("finpost: queued "));
    server.kill();
    BOOST_TEST(is_ready(false));
    BOOST_TEST(refusal_reason(send("lost")) == "queue_failed");
    server.start();
    BOOST_TEST(is_ready(true));
    end();
}

BOOST_AUTO_TEST_CASE(a_fallback_relays_meanwhile) {
    if (!postgres_server::there()) return;
    postgres_server server;
    const queue_tables tables(server);
    const std::string url = url_of(tables);
    server.kill();
    delivery = "fallback";
    begin(url);
    BOOST_TEST(is_ready(true));
    BOOST_TEST(send("hello") == "hello");
    end();
}

BOOST_AUTO_TEST_CASE(what_only_a_person_can_change_is_told_at_the_start) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    const std::string url = tables.config().url;
    std::string said = told(url);
    BOOST_TEST(said.starts_with("1 "), said);
    BOOST_TEST(has(said, "finpost queue init"), said);
    said = told(url, {"--check", "--connect"});
    BOOST_TEST(said.starts_with("2 "), said);
    BOOST_TEST(has(said, "queue_database: "), said);
    BOOST_TEST(has(said, "finpost queue init"), said);
    BOOST_REQUIRE(make_postgres_queue(tables.config()).has_value());
    said = told(url, {"--check", "--connect"});
    BOOST_TEST(has(said, "queue_database: can be reached, and keeps a queue"), said);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_in_its_options_is_told_before) {
    const auto wrong = [&](const std::string& url, strings more = {}) {
        more.insert(more.begin(), "--check");
        return told(url, std::move(more));
    };
    BOOST_TEST(has(wrong("mysql://h/d"), "2 finpostd: --queue-database: expected postgresql://"));
    const std::string secret = wrong("postgresql://finpost:geheim@127.0.0.1/d");
    BOOST_TEST(has(secret, "--queue-database: a password does not belong into the URL"), secret);
    BOOST_TEST(!has(secret, "geheim"));
    BOOST_TEST(has(wrong("postgresql://h/d", {"--queue-dir", "q"}),
                   "--queue-database: does not go together with --queue-dir"));
    BOOST_TEST(has(wrong("", {"--queue-password-file", "f"}),
                   "--queue-password-file: is for --queue-database"));
}

BOOST_AUTO_TEST_SUITE_END()
