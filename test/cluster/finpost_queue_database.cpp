// The operator's command and a queue in a PostgreSQL, beside a gateway that has it.
#include "cluster/postgres_place.hpp"
#include "support/finpost_command.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::test;

namespace {

finished command(const queue_tables& tables, std::vector<std::string> words) {
    words.insert(words.begin(), "queue");
    words.insert(words.end(), {"--queue-database", tables.config().url});
    return run_finpost(std::move(words));
}

} // namespace

BOOST_AUTO_TEST_SUITE(finpost_queue_database)

BOOST_AUTO_TEST_CASE(init_makes_it_once_and_nothing_else_does) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    const finished none = command(tables, {"stats"});
    BOOST_TEST(none.code == 1);
    BOOST_TEST(holds(none.error, "there is no queue in this database: finpost queue init"));
    for (int i = 0; i < 2; ++i) {
        const finished made = command(tables, {"init"});
        BOOST_TEST(made.error == "");
        BOOST_TEST(made.code == 0);
        BOOST_TEST(made.output == tables.config().url + ": the queue is good\n");
    }
    BOOST_TEST(command(tables, {"list", "--json"}).output == "[]\n");
}

BOOST_AUTO_TEST_CASE(what_a_gateway_has_is_listed_replayed_dropped_and_exported) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    BOOST_TEST(command(tables, {"init"}).code == 0);
    postgres_queue_config config = tables.config();
    config.ordered = true;
    opened_postgres gateway(config);
    BOOST_TEST(!gateway->put(make_payload("hello")));
    BOOST_TEST(!gateway->put(make_payload("next")));
    const auto claimed = gateway->claim(1);
    BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
    BOOST_TEST(!gateway->dead(held(claimed.value.payloads[0]), {422, "no such scale"}));
    const std::string id(claimed.value.payloads[0].entry.id.text());
    BOOST_TEST(holds(command(tables, {"list", "--state", "dead"}).output, "no such scale"));
    BOOST_TEST(holds(command(tables, {"show", id}).output, id));
    const finished bytes = command(tables, {"show", id, "--bytes"});
    BOOST_TEST(bytes.output == "hello");
    const temporary_folder folder;
    const std::string to = (folder.path() / "out").string();
    BOOST_TEST(command(tables, {"export", to}).code == 0);
    BOOST_TEST(std::filesystem::file_size(to + '/' + id) == 5u);
    BOOST_TEST(holds(command(tables, {"replay", "--all"}).output, "1 payload waits again"));
    BOOST_TEST(holds(command(tables, {"drop", id}).output, "1 payload dropped"));
    BOOST_TEST(holds(command(tables, {"stats", "--json"}).output, "\"payloads\":1"));
    // Nobody has changed its order, or what the gateway may do.
    BOOST_TEST(tables.sql("select ordered from finpost_settings") == "t");
    BOOST_TEST(gateway->claim(8).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_in_the_way_is_said_without_a_secret) {
    const finished told = run_finpost(
        {"queue", "stats", "--queue-database", "postgresql://finpost:geheim@127.0.0.1/d"});
    BOOST_TEST(told.code == 1);
    BOOST_TEST(holds(told.error, "a password does not belong into the URL"));
    BOOST_TEST(!holds(told.error, "geheim"));
}

BOOST_AUTO_TEST_SUITE_END()
