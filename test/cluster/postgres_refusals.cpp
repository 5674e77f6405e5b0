// A server that refuses a statement for what it is, not for what was asked.
#include "cluster/postgres_place.hpp"
#include "support/log_recorder.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// A trigger that runs `statements` in the session of each put.
void at_each_put(const queue_tables& tables, const std::string& statements) {
    tables.sql("create or replace function at_each_put() returns trigger language plpgsql as $$ "
               "begin " +
               statements +
               "; return null; end $$; create or replace trigger at_each_put after insert on "
               "finpost_payloads for each statement execute function " +
               tables.schema() + ".at_each_put()");
}

void as_before(const queue_tables& tables) {
    tables.sql("drop trigger at_each_put on finpost_payloads");
}

struct made_queue {
    explicit made_queue(std::chrono::milliseconds timeout = 20s) : config(tables.config()) {
        const auto made = make_postgres_queue(config);
        if (!made) throw std::runtime_error(made.error().message);
        config.timeout = timeout;
    }
    std::string stored() const { return tables.sql("select count(*) from finpost_payloads"); }
    std::size_t lost_by(const std::string& why) {
        std::size_t n = 0;
        for (const auto& each : log.of("queue not connected"))
            n += each.at("what").find(why) != std::string::npos ? 1 : 0;
        return n;
    }

    const queue_tables tables;
    postgres_queue_config config;
    log_recorder log;
};

} // namespace

BOOST_AUTO_TEST_SUITE(postgres_refusals)

BOOST_AUTO_TEST_CASE(a_statement_that_the_server_has_forgotten_is_prepared_on_a_new_connection) {
    if (!postgres_server::there()) return;
    made_queue made;
    opened_postgres queue(made.config, made.log.as_logger());
    BOOST_TEST(queue.until_connected());
    // Until the end of its transaction a put runs by a plan that is forgotten meanwhile.
    at_each_put(made.tables, "deallocate all");
    BOOST_TEST(!queue->put(make_payload("forgets")));
    as_before(made.tables);
    BOOST_TEST(!queue->put(make_payload("is new")));
    BOOST_TEST(made.lost_by("prepared statement \"finpost0\" does not exist") == 1u);
    BOOST_TEST(!queue->put(make_payload("knows")));
    BOOST_TEST(made.lost_by("prepared statement") == 1u);
    BOOST_TEST(made.stored() == "3");
    BOOST_TEST(queue->stats().bytes == 18u);
}

BOOST_AUTO_TEST_CASE(puts_that_were_merged_are_stored_once_each_when_their_statement_is_forgotten) {
    if (!postgres_server::there()) return;
    made_queue made;
    opened_postgres queue(made.config, made.log.as_logger());
    BOOST_TEST(queue.until_connected());
    at_each_put(made.tables, "deallocate all");
    BOOST_TEST(!queue->put(make_payload("forgets")));
    as_before(made.tables);
    std::size_t stored = 0;
    for (int i = 0; i < 20; ++i) {
        std::vector<new_payload> batch;
        batch.push_back(make_payload(std::to_string(i)));
        queue.store().async_put(std::move(batch), [&](error_code ec) { stored += ec ? 0 : 1; });
    }
    queue.io.restart();
    queue.io.run();
    BOOST_TEST(stored == 20u);
    BOOST_TEST(made.stored() == "21");
}

// As when the tables were changed under a plan.
BOOST_AUTO_TEST_CASE(a_plan_that_no_longer_fits_is_made_anew) {
    if (!postgres_server::there()) return;
    made_queue made;
    made.tables.sql("create sequence refused");
    opened_postgres queue(made.config, made.log.as_logger());
    BOOST_TEST(!queue->put(make_payload("before")));
    at_each_put(made.tables, "if nextval('refused') = 1 then raise exception using errcode = "
                             "'0A000', message = 'cached plan must not change result type'; end "
                             "if");
    BOOST_TEST(!queue->put(make_payload("again")));
    BOOST_TEST(made.lost_by("cached plan must not change result type") == 1u);
    BOOST_TEST(made.stored() == "2");
}

// A pooler that shares its connections shares the names on them.
BOOST_AUTO_TEST_CASE(a_name_that_means_another_statement_costs_a_connection) {
    if (!postgres_server::there()) return;
    made_queue made;
    opened_postgres queue(made.config, made.log.as_logger());
    BOOST_TEST(queue.until_connected());
    at_each_put(made.tables, "deallocate all; execute 'prepare finpost0 as select 1'");
    BOOST_TEST(!queue->put(make_payload("a")));
    as_before(made.tables);
    BOOST_TEST(!queue->put(make_payload("b")));
    BOOST_TEST(made.log.count("queue statement failed") == 0u);
    BOOST_TEST(made.stored() == "2");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_taken_on_a_new_connection_costs_another_one) {
    if (!postgres_server::there()) return;
    made_queue made;
    made.tables.sql("alter table finpost_settings rename to settings; create table taken(); "
                    "create function take() returns boolean language plpgsql as $$ begin if "
                    "to_regclass('taken') is not null then execute 'prepare finpost0 as select "
                    "1'; end if; return true; end $$; create view finpost_settings as select "
                    "version, ordered, standbys from settings where take()");
    opened_postgres queue(made.config, made.log.as_logger());
    error_code ended = queue_error::failed;
    std::vector<new_payload> batch;
    batch.push_back(make_payload("a"));
    queue.store().async_put(std::move(batch), [&](error_code ec) { ended = ec; });
    BOOST_TEST(until([&] { return made.lost_by("\"finpost0\" already exists") > 0; }));
    made.tables.sql("drop table taken");
    queue.io.run();
    BOOST_TEST(!ended);
    BOOST_TEST(made.stored() == "1");
}

BOOST_AUTO_TEST_CASE(a_server_that_never_knows_it_gives_no_receipt) {
    if (!postgres_server::there()) return;
    made_queue made(3s);
    opened_postgres queue(made.config, made.log.as_logger());
    BOOST_TEST(queue.until_connected());
    at_each_put(made.tables, "raise exception using errcode = '26000', message = 'forgotten'");
    BOOST_TEST((queue->put(make_payload("never")) == queue_error::failed));
    BOOST_TEST(made.lost_by("forgotten") > 0u);
    as_before(made.tables);
    BOOST_TEST(made.stored() == "0");
    BOOST_TEST(until([&] { return !queue->put(make_payload("after")); }));
    BOOST_TEST(made.stored() == "1");
}

BOOST_AUTO_TEST_CASE(a_full_queue_says_so_behind_a_statement_that_was_forgotten) {
    if (!postgres_server::there()) return;
    made_queue made;
    made.config.max_bytes = 10;
    opened_postgres queue(made.config, made.log.as_logger());
    BOOST_TEST(queue.until_connected());
    at_each_put(made.tables, "deallocate all");
    BOOST_TEST(!queue->put(make_payload("forgets")));
    as_before(made.tables);
    BOOST_TEST((queue->put(make_payload("too much")) == queue_error::full));
    BOOST_TEST(made.stored() == "1");
}

BOOST_AUTO_TEST_SUITE_END()
