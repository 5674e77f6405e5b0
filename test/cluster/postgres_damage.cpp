// Bodies that the server cannot read: they hold nobody up.
#include "cluster/postgres_place.hpp"
#include "support/log_recorder.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

using texts = std::vector<std::string>;

std::string large(const std::string& name) { return name + std::string(20'000, '.'); }

texts names_of(const claimed_payloads& claimed) {
    texts all;
    for (const stored_payload& each : claimed.payloads) {
        const std::string text(each.body.text());
        all.push_back(text.substr(0, text.find('.')));
    }
    return all;
}

struct damaged_queue {
    explicit damaged_queue(bool ordered = false) {
        postgres_queue_config config = tables.config();
        config.ordered = ordered;
        const auto made = make_postgres_queue(config);
        if (!made) throw std::runtime_error(made.error().message);
        queue.emplace(config, log.as_logger());
    }
    void put(const texts& bodies) {
        for (const std::string& each : bodies) BOOST_TEST(!(*queue)->put(make_payload(each)));
    }
    // Takes the bytes of one that was stored out of line away, under the server.
    void lose_body(const std::string& name) const {
        tables.sql("set client_min_messages = warning; create extension if not exists pg_surgery "
                   "schema public");
        const std::string toast =
            tables.sql("select reltoastrelid::regclass from pg_class where oid = "
                       "'finpost_payloads'::regclass");
        const std::string rows =
            tables.sql("select array_agg(ctid)::text from " + toast +
                       " where chunk_id in (select chunk_id from " + toast +
                       " where chunk_seq = 0 and position('" + name + "' in chunk_data) = 1)");
        tables.sql("select public.heap_force_kill('" + toast + "'::regclass, '" + rows +
                   "'::tid[])");
    }
    // From now on the server fails with this SQLSTATE when it reads a body that begins so.
    void fail_to_read(const std::string& name, const std::string& sqlstate) const {
        tables.sql(
            "alter table finpost_payloads rename to payloads; create table failing as "
            "select id, '" +
            sqlstate + "' as state from payloads where position('" + name +
            "' in body) = 1; create function read_body(uuid, bytea) returns bytea stable language "
            "plpgsql as "
            "$$ declare why text := (select state from failing where id = $1); begin if why "
            "is not null then raise exception using errcode = why, message = 'could not "
            "read'; end if; return $2; end $$");
        std::string columns = tables.sql(
            "select string_agg(case attname when 'body' then 'read_body(id, body) as body' else "
            "attname end, ', ' order by attnum) from pg_attribute where attrelid = "
            "'payloads'::regclass and attnum > 0");
        tables.sql("create view finpost_payloads as select " + columns + " from payloads");
    }
    std::uint64_t set_aside() { return (*queue)->stats().of(queue_state::set_aside).payloads; }

    const queue_tables tables;
    log_recorder log;
    std::optional<opened_postgres> queue;
};

} // namespace

BOOST_AUTO_TEST_SUITE(postgres_damage)

BOOST_AUTO_TEST_CASE(a_body_that_is_lost_is_set_aside_and_holds_nobody_up) {
    if (!postgres_server::there()) return;
    damaged_queue damaged;
    opened_postgres& queue = *damaged.queue;
    damaged.put({"small", large("bad"), large("good"), "last"});
    damaged.lose_body("bad");
    const auto claimed = queue->claim(8);
    BOOST_TEST((names_of(claimed.value) == texts{"small", "good", "last"}));
    BOOST_TEST((claimed.value.next_due == 0ms));
    BOOST_TEST(claimed.value.payloads[0].entry.attempts == 1u);
    BOOST_TEST(queue->stats().delivering == 3u);
    BOOST_TEST(queue->stats().of(queue_state::set_aside).bytes == 20'003u);
    const auto aside = queue->list({.state = queue_state::set_aside}).value;
    BOOST_REQUIRE(aside.size() == 1u);
    BOOST_TEST(aside[0].last_error.starts_with("it cannot be read: "), aside[0].last_error);
    BOOST_TEST(aside[0].last_error.find("missing chunk number 0") != std::string::npos);
    BOOST_REQUIRE(damaged.log.count("queue payload set aside") == 1u);
    const auto said = damaged.log.of("queue payload set aside")[0];
    BOOST_TEST(said.at("id") == aside[0].id.text());
    BOOST_TEST(said.at("what") == aside[0].last_error);
    BOOST_TEST(damaged.log.count("queue statement failed") == 0u);
    BOOST_TEST(damaged.log.count("queue not connected") == 0u);
    // What is delivered leaves, and it goes on as before.
    BOOST_TEST(queue->delivered({claimed.value.payloads[0].entry.id}).value == 1u);
    damaged.put({"new"});
    BOOST_TEST((names_of(queue->claim(8).value) == texts{"new"}));
}

BOOST_AUTO_TEST_CASE(what_was_set_aside_is_shown_replayed_and_dropped) {
    if (!postgres_server::there()) return;
    damaged_queue damaged;
    opened_postgres& queue = *damaged.queue;
    damaged.put({large("bad")});
    damaged.lose_body("bad");
    BOOST_TEST(queue->claim(8).value.payloads.empty());
    BOOST_TEST(damaged.set_aside() == 1u);
    const request_id id = queue->list().value.at(0).id;
    const auto shown = queue->show(id);
    BOOST_TEST(!shown.ec);
    BOOST_REQUIRE(shown.value.has_value());
    BOOST_TEST(shown.value->entry.size == 20'003u);
    BOOST_TEST(shown.value->body.empty());
    BOOST_TEST(queue->replay().value == 1u);
    BOOST_TEST(queue->claim(8).value.payloads.empty());
    BOOST_TEST(damaged.set_aside() == 1u);
    BOOST_TEST(queue->drop({.ids = {id}}).value == 1u);
    BOOST_TEST(queue->list().value.empty());
}

BOOST_AUTO_TEST_CASE(in_order_one_that_cannot_be_read_makes_way) {
    if (!postgres_server::there()) return;
    damaged_queue damaged(true);
    opened_postgres& queue = *damaged.queue;
    damaged.put({large("bad"), large("next"), "last"});
    damaged.lose_body("bad");
    BOOST_TEST(queue->claim(8).value.payloads.empty());
    BOOST_TEST((names_of(queue->claim(8).value) == texts{"next"}));
}

BOOST_AUTO_TEST_CASE(an_index_that_is_damaged_under_many_holds_nobody_up) {
    if (!postgres_server::there()) return;
    damaged_queue damaged;
    opened_postgres& queue = *damaged.queue;
    for (int i = 0; i < 40; ++i) damaged.put({"bad" + std::to_string(i)});
    damaged.put({"good"});
    damaged.fail_to_read("bad", "XX002");
    texts got;
    for (int i = 0; i < 4 && got.empty(); ++i) got = names_of(queue->claim(100).value);
    BOOST_TEST((got == texts{"good"}));
    BOOST_TEST(damaged.set_aside() == 40u);
    // The index is made anew, and nothing was lost.
    damaged.tables.sql("delete from failing");
    BOOST_TEST(queue->replay().value == 40u);
    BOOST_TEST(queue->claim(100).value.payloads.size() == 40u);
}

BOOST_AUTO_TEST_CASE(what_the_disk_does_not_give_is_read_again_later) {
    if (!postgres_server::there()) return;
    damaged_queue damaged;
    opened_postgres& queue = *damaged.queue;
    damaged.put({"bad", "good"});
    damaged.fail_to_read("bad", "58030");
    BOOST_TEST((names_of(queue->claim(8).value) == texts{"good"}));
    BOOST_TEST(damaged.set_aside() == 0u);
    BOOST_TEST(damaged.log.of("queue payload not read").at(0).at("retry_ms") == "60000");
    BOOST_TEST(queue->list().value.at(0).last_error == "it cannot be read: could not read");
    const auto wait = queue->claim(8).value.next_due;
    BOOST_REQUIRE(wait.has_value());
    BOOST_TEST((*wait > 30s && *wait <= 60s));
    damaged.tables.sql("delete from failing; update payloads set due = statement_timestamp()");
    BOOST_TEST((names_of(queue->claim(8).value) == texts{"bad"}));
}

// Where not even that one can be put away: it has its lease, and the others go on.
BOOST_AUTO_TEST_CASE(a_row_that_cannot_be_changed_holds_nobody_up_while_its_lease_lasts) {
    if (!postgres_server::there()) return;
    damaged_queue damaged;
    opened_postgres& queue = *damaged.queue;
    damaged.put({"bad", "good", "later"});
    damaged.fail_to_read("bad", "XX001");
    damaged.tables.sql(
        "create function refuse() returns trigger language plpgsql as $$ begin raise exception "
        "using errcode = 'XX001', message = 'invalid page'; end $$; create trigger refuse before "
        "update on payloads for each row when (new.state <> old.state) execute function refuse()");
    BOOST_TEST((names_of(queue->claim(2).value) == texts{"good"}));
    BOOST_TEST(damaged.set_aside() == 0u);
    BOOST_TEST((names_of(queue->claim(8).value) == texts{"later"}));
}

BOOST_AUTO_TEST_SUITE_END()
