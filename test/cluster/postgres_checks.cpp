// What stands in the way of a queue in a PostgreSQL, in one clear message each.
#include "cluster/postgres_place.hpp"
#include "support/tcp_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <fstream>
#include <string>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

std::string problem_of(const postgres_queue_config& config) {
    const auto checked = check_postgres_queue(config);
    return checked ? "" : checked.error().message;
}

bool has(const std::string& text, const std::string& part) {
    const bool found = text.find(part) != text.npos;
    if (!found) BOOST_TEST_MESSAGE("\"" << text << "\" has no \"" << part << '"');
    return found;
}

postgres_queue_config on_port(std::uint16_t port) {
    postgres_queue_config config;
    config.url = "postgresql://finpost@127.0.0.1:" + std::to_string(port) + "/postgres";
    config.timeout = 2s;
    return config;
}

bool needs_server() { return postgres_server::there(); }

} // namespace

BOOST_AUTO_TEST_SUITE(postgres_checks)

BOOST_AUTO_TEST_CASE(a_queue_that_was_made_is_good_and_is_made_once) {
    if (!needs_server()) return;
    const queue_tables tables;
    BOOST_TEST(has(problem_of(tables.config()), "there is no queue in this database: finpost queue "
                                                "init --queue-database makes one"));
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    BOOST_TEST(problem_of(tables.config()) == "");
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    BOOST_TEST(tables.sql("select version from finpost_settings") == "1");
    BOOST_TEST(tables.sql("select attstorage from pg_attribute where attrelid = "
                          "'finpost_payloads'::regclass and attname = 'body'") == "e");
}

BOOST_AUTO_TEST_CASE(tables_of_another_version_are_left_alone) {
    if (!needs_server()) return;
    const queue_tables tables;
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    tables.sql("update finpost_settings set version = 7");
    BOOST_TEST(
        has(problem_of(tables.config()), "its tables have version 7, and this finpost knows 1"));
    const auto made = make_postgres_queue(tables.config());
    BOOST_REQUIRE(!made);
    BOOST_TEST(has(made.error().message, "version 7"));
}

BOOST_AUTO_TEST_CASE(rights_that_are_missing_are_named) {
    if (!needs_server()) return;
    const queue_tables tables;
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    tables.sql("create role gateway_" + tables.schema() + " login; grant usage on schema " +
               tables.schema() + " to gateway_" + tables.schema());
    postgres_queue_config config = tables.config();
    const std::string gateway = "gateway_" + tables.schema();
    config.url = tables.server().url(tables.parameters(), gateway);
    tables.sql("grant select, insert, update on finpost_payloads, finpost_totals to " + gateway);
    BOOST_TEST(has(problem_of(config), "the user lacks rights: delete on finpost_payloads, select "
                                       "on finpost_settings"));
    // What the public header says is enough, also to change the order.
    tables.sql("grant select, insert, update, delete on finpost_payloads, finpost_totals to " +
               gateway);
    tables.sql("grant select, update on finpost_settings to " + gateway);
    BOOST_TEST(problem_of(config) == "");
    config.ordered = true;
    opened_postgres queue(config);
    BOOST_TEST(!queue->put(make_payload("a")));
    BOOST_TEST(queue->claim(1).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_that_may_lose_what_it_committed_is_refused) {
    if (!needs_server()) return;
    const queue_tables tables;
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    for (const std::string weak : {"off", "local", "remote_write"}) {
        postgres_queue_config config = tables.config();
        config.url = tables.server().url(tables.parameters("-c synchronous_commit=" + weak));
        BOOST_TEST(has(problem_of(config), "synchronous_commit is " + weak));
        config.unsafe = true;
        BOOST_TEST(problem_of(config) == "");
    }
    postgres_queue_config config = tables.config();
    config.url = tables.server().url(tables.parameters("-c synchronous_commit=remote_apply"));
    BOOST_TEST(problem_of(config) == "");
}

BOOST_AUTO_TEST_CASE(settings_of_the_whole_server_are_looked_at) {
    if (!needs_server()) return;
    postgres_server server;
    const queue_tables tables(server);
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    server.set("fsync", "off");
    BOOST_TEST(has(problem_of(tables.config()), "fsync is off"));
    server.set("fsync", "on");
    BOOST_TEST(problem_of(tables.config()) == "");
    // A commit would wait for a standby that is not there.
    tables.sql("set synchronous_commit = off; update finpost_settings set standbys = true");
    BOOST_TEST(has(problem_of(tables.config()), "synchronous_standby_names is empty"));
}

BOOST_AUTO_TEST_CASE(a_url_has_no_password_and_is_one) {
    postgres_queue_config config;
    config.url = "postgresql://finpost:geheim@127.0.0.1/postgres";
    BOOST_TEST(has(problem_of(config), "a password does not belong into the URL"));
    BOOST_TEST(!has(problem_of(config), "geheim"));
    config.url = "postgresql://finpost@127.0.0.1/postgres?password=geheim";
    BOOST_TEST(has(problem_of(config), "a password does not belong into the URL"));
    config.url = "postgresql://finpost:geheim@[127.0.0.1/postgres";
    BOOST_TEST(has(problem_of(config), "not a URL"));
    BOOST_TEST(!has(problem_of(config), "geheim"));
    config.url = "mysql://finpost@127.0.0.1/postgres";
    BOOST_TEST(has(problem_of(config), "expected postgresql://USER@HOST/DATABASE"));
    config.url = "postgresql://finpost@127.0.0.1/postgres";
    config.password_file = "/nonexistent/password";
    BOOST_TEST(has(problem_of(config), "/nonexistent/password: No such file"));
}

BOOST_AUTO_TEST_CASE(the_password_is_what_the_file_says) {
    if (!needs_server()) return;
    const queue_tables tables;
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    const temporary_folder folder;
    postgres_queue_config config = tables.config();
    config.password_file = (folder.path() / "password").string();
    std::ofstream(config.password_file) << "secret\n";
    BOOST_TEST(problem_of(config) == ""); // which nobody asks for
    std::ofstream(config.password_file) << "\n";
    BOOST_TEST(has(problem_of(config), "it is empty"));
}

BOOST_AUTO_TEST_CASE(who_is_not_there_or_no_postgres_is_named) {
    std::uint16_t port = 0;
    {
        const tcp_peer peer([](peer_connection& client) {
            client.read_at_least(8);
            client.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        });
        port = peer.address().port;
        const std::string place = "127.0.0.1:" + std::to_string(port);
        BOOST_TEST(problem_of(on_port(port)) ==
                   place + ": it does not answer as a PostgreSQL does");
    }
    BOOST_TEST(has(problem_of(on_port(port)), "127.0.0.1:" + std::to_string(port)));
    BOOST_TEST(has(problem_of(on_port(port)), "Connection refused"));
    const tcp_peer silent([](peer_connection& client) { client.stay_silent(); });
    BOOST_TEST(has(problem_of(on_port(silent.address().port)), "no answer in time"));
}

BOOST_AUTO_TEST_CASE(the_second_host_is_taken_when_the_first_is_away) {
    if (!needs_server()) return;
    const queue_tables tables;
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    std::uint16_t port = 0;
    {
        const tcp_peer gone([](peer_connection&) {});
        port = gone.address().port;
    }
    postgres_queue_config config = tables.config();
    const std::string socket = tables.server().socket();
    const std::string folder = url_encoded(socket.substr(0, socket.rfind('/')));
    config.url = "postgresql://finpost@127.0.0.1:" + std::to_string(port) + "," + folder +
                 ":5432/postgres?" + tables.parameters();
    BOOST_TEST(problem_of(config) == "");
    config.url += "&target_session_attrs=standby";
    BOOST_TEST(has(problem_of(config), "Connection refused; "));
}

BOOST_AUTO_TEST_SUITE_END()
