// A database that goes, hangs, or does not say whether it has committed.
#include "cluster/cutting_proxy.hpp"
#include "cluster/postgres_place.hpp"
#include "support/log_recorder.hpp"
#include "support/until.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

constexpr std::string_view commit_request("commit\0", 7), commit_answer("COMMIT\0", 7);

// A queue behind a proxy that cuts.
class behind_proxy {
public:
    explicit behind_proxy(std::chrono::milliseconds timeout = 20s)
        : proxy(tables.server().socket()), config(tables.config()) {
        const auto made = make_postgres_queue(config);
        if (!made) throw std::runtime_error(made.error().message);
        config.url = "postgresql://finpost@127.0.0.1:" + std::to_string(proxy.port()) +
                     "/postgres?sslmode=disable&" + tables.parameters();
        config.timeout = timeout;
    }
    std::string stored() const { return tables.sql("select count(*) from finpost_payloads"); }

    const queue_tables tables;
    cutting_proxy proxy;
    postgres_queue_config config;
};

} // namespace

BOOST_AUTO_TEST_SUITE(postgres_failures)

BOOST_AUTO_TEST_CASE(a_commit_whose_answer_is_lost_is_proved_and_stored_once) {
    if (!postgres_server::there()) return;
    behind_proxy behind;
    opened_postgres queue(behind.config);
    BOOST_TEST(!queue->put(make_payload("before")));
    behind.proxy.cut_answer(std::string(commit_answer));
    BOOST_TEST(!queue->put(make_payload("cut")));
    BOOST_TEST(behind.proxy.was_cut());
    BOOST_TEST(behind.stored() == "2");
    BOOST_TEST(queue->stats().of(queue_state::waiting).payloads == 2u);
    BOOST_TEST(queue->stats().bytes == 9u);
    // It was not only looked up: its row was written again, to another place than at first.
    BOOST_TEST(behind.tables.sql("select ctid from finpost_payloads order by sequence desc limit "
                                 "1") != "(0,2)");
}

BOOST_AUTO_TEST_CASE(a_commit_that_has_never_come_is_sent_again) {
    if (!postgres_server::there()) return;
    behind_proxy behind;
    opened_postgres queue(behind.config);
    BOOST_TEST(!queue->put(make_payload("before")));
    behind.proxy.cut_request(std::string(commit_request));
    BOOST_TEST(!queue->put(make_payload("cut")));
    BOOST_TEST(behind.proxy.was_cut());
    BOOST_TEST(behind.stored() == "2");
    BOOST_TEST(queue->stats().bytes == 9u);
}

BOOST_AUTO_TEST_CASE(a_commit_that_cannot_be_proved_in_time_has_failed) {
    if (!postgres_server::there()) return;
    behind_proxy behind(1s);
    opened_postgres queue(behind.config);
    BOOST_TEST(!queue->put(make_payload("before")));
    behind.proxy.stay_cut(true);
    behind.proxy.cut_answer(std::string(commit_answer));
    BOOST_TEST((queue->put(make_payload("cut")) == queue_error::failed));
    BOOST_TEST(queue.until_connected(false));
    BOOST_TEST(!queue.store().fatal().has_value());
    // It was stored all the same, which is why nobody may say that it was not.
    BOOST_TEST(behind.stored() == "2");
    behind.proxy.open();
    BOOST_TEST(queue.until_connected());
    BOOST_TEST(queue->claim(8).value.payloads.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_commit_that_waits_in_vain_for_a_standby_gives_no_receipt) {
    if (!postgres_server::there()) return;
    postgres_server server;
    const queue_tables tables(server);
    postgres_queue_config config = tables.config();
    config.timeout = 1s;
    BOOST_TEST(!!make_postgres_queue(config));
    server.set("synchronous_standby_names", "nobody");
    log_recorder log;
    opened_postgres queue(config, log.as_logger());
    BOOST_TEST(queue.until_connected());
    error_code ended;
    std::vector<new_payload> batch;
    batch.push_back(make_payload("a"));
    queue.store().async_put(std::move(batch), [&](error_code ec) { ended = ec; });
    // Its commit is broken off: it succeeds with a warning, here and on no standby.
    BOOST_TEST(until([&] {
        return server.sql("select count(pg_cancel_backend(pid)) from pg_stat_activity where "
                          "wait_event = 'SyncRep'") == "1";
    }));
    queue.io.run();
    BOOST_TEST((ended == queue_error::failed));
    BOOST_TEST(until([&] { return log.count("queue commit uncertain") > 0; }));
    // Nor does one that comes later, and waits behind it.
    BOOST_TEST((queue->put(make_payload("b")) == queue_error::failed));
    server.reset("synchronous_standby_names");
    BOOST_TEST(until([&] { return !queue->put(make_payload("c")); }));
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_is_left_for_another_that_takes_writes) {
    if (!postgres_server::there()) return;
    behind_proxy behind(8s);
    cutting_proxy other(behind.tables.server().socket());
    const std::string first = "127.0.0.1:" + std::to_string(behind.proxy.port()),
                      second = "127.0.0.1:" + std::to_string(other.port());
    behind.config.url = "postgresql://finpost@" + first + ',' + second +
                        "/postgres?sslmode=disable&" + behind.tables.parameters();
    log_recorder log;
    opened_postgres queue(behind.config, log.as_logger());
    BOOST_TEST(queue.until_connected());
    BOOST_TEST(!queue->put(make_payload("before")));
    behind.proxy.hang();
    BOOST_TEST(!queue->put(make_payload("meanwhile")));
    BOOST_REQUIRE(log.count("queue not connected") > 0u);
    BOOST_TEST(log.of("queue not connected")[0].at("what") ==
               first + ": no answer, and " + second + " takes writes");
    BOOST_TEST(behind.stored() == "2");
    // Nobody knows whether the first one has claimed: it has failed.
    BOOST_TEST((queue->claim(8).ec == queue_error::failed));
    BOOST_TEST(queue->claim(8).value.payloads.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_is_kept_while_there_is_no_other) {
    if (!postgres_server::there()) return;
    behind_proxy behind(1s);
    log_recorder log;
    opened_postgres queue(behind.config, log.as_logger());
    BOOST_TEST(queue.until_connected());
    BOOST_TEST(!queue->put(make_payload("before")));
    const std::size_t before = log.count("queue not connected");
    behind.proxy.hang();
    BOOST_TEST((queue->put(make_payload("meanwhile")) == queue_error::failed));
    BOOST_TEST(log.count("queue not connected") == before);
    // The store ends all the same, with what hangs.
}

BOOST_AUTO_TEST_CASE(puts_share_up_to_four_connections) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    postgres_queue_config config = tables.config();
    config.name = "several";
    BOOST_TEST(!!make_postgres_queue(config));
    opened_postgres queue(config);
    BOOST_TEST(queue.until_connected());
    const auto connections = [&] {
        return tables.sql(
            "select count(*) from pg_stat_activity where application_name = 'finpost several'");
    };
    BOOST_TEST(connections() == "2");
    const auto put_at_once = [&](int number) {
        int stored = 0;
        for (int i = 0; i < number; ++i) {
            std::vector<new_payload> batch;
            batch.push_back(make_payload(std::to_string(i)));
            queue.store().async_put(std::move(batch), [&](error_code ec) { stored += !ec; });
        }
        queue.io.restart();
        queue.io.run();
        return stored;
    };
    BOOST_TEST(until([&] { return put_at_once(64) == 64 && connections() == "5"; }));
    BOOST_TEST(std::to_string(queue->stats().of(queue_state::waiting).payloads) ==
               tables.sql("select count(*) from finpost_payloads"));
}

BOOST_AUTO_TEST_CASE(a_database_that_dies_is_waited_for) {
    if (!postgres_server::there()) return;
    postgres_server server;
    const queue_tables tables(server);
    postgres_queue_config config = tables.config();
    BOOST_TEST(!!make_postgres_queue(config));
    opened_postgres queue(config);
    BOOST_TEST(!queue->put(make_payload("before")));
    const auto claimed = queue->claim(1);
    BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
    server.kill();
    BOOST_TEST(queue.until_connected(false));
    BOOST_TEST(!queue.store().fatal().has_value());
    BOOST_TEST(queue.store().unavailable().value_or("").find(
                   server.socket().substr(0, server.socket().rfind('/'))) != std::string::npos);
    error_code put = queue_error::not_found;
    std::size_t delivered = 0;
    std::vector<new_payload> batch;
    batch.push_back(make_payload("meanwhile"));
    queue.store().async_put(std::move(batch), [&](error_code ec) { put = ec; });
    queue.store().async_delivered({claimed.value.payloads[0].entry.id},
                                  [&](error_code, std::size_t n) { delivered = n; });
    server.start();
    queue.io.restart();
    queue.io.run();
    BOOST_TEST(!put);
    BOOST_TEST(delivered == 1u);
    BOOST_TEST(queue->list().value.size() == 1u);
    BOOST_TEST(!queue.store().unavailable().has_value());
}

BOOST_AUTO_TEST_CASE(a_database_that_stays_away_fails_what_waits_when_its_time_is_over) {
    if (!postgres_server::there()) return;
    const queue_tables tables; // none were made
    postgres_queue_config config = tables.config();
    config.timeout = 300ms;
    opened_postgres queue(config);
    BOOST_TEST((queue->put(make_payload("a")) == queue_error::failed));
    BOOST_TEST((queue->claim(1).ec == queue_error::failed));
    BOOST_TEST((queue->list().ec == queue_error::failed));
    BOOST_TEST(until([&] {
        return queue.store().unavailable().value_or("").find("there is no queue") !=
               std::string::npos;
    }));
    // It comes into being, and everything goes on.
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    BOOST_TEST(queue.until_connected());
    BOOST_TEST(!queue->put(make_payload("b")));
}

BOOST_AUTO_TEST_CASE(what_has_not_begun_is_withdrawn_at_once) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    postgres_queue_config config = tables.config();
    config.timeout = 1h;
    opened_postgres queue(config);
    asio::cancellation_signal signal;
    error_code ended;
    std::vector<new_payload> batch;
    batch.push_back(make_payload("a"));
    queue.store().async_put(
        std::move(batch),
        asio::bind_cancellation_slot(signal.slot(), [&](error_code ec) { ended = ec; }));
    signal.emit(asio::cancellation_type::total);
    queue.io.run();
    BOOST_TEST((ended == asio::error::operation_aborted));
    BOOST_TEST(!!make_postgres_queue(tables.config()));
    BOOST_TEST(queue.until_connected());
    BOOST_TEST(queue->list().value.empty());
}

BOOST_AUTO_TEST_CASE(a_backend_that_is_ended_costs_nothing) {
    if (!postgres_server::there()) return;
    const queue_tables tables;
    postgres_queue_config config = tables.config();
    config.name = "ended";
    BOOST_TEST(!!make_postgres_queue(config));
    opened_postgres queue(config);
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(!queue->put(make_payload(std::to_string(i))));
        BOOST_TEST(tables.sql("select count(pg_terminate_backend(pid)) from pg_stat_activity where "
                              "application_name = 'finpost ended'") != "0");
    }
    BOOST_TEST(queue->list().value.size() == 5u);
}

BOOST_AUTO_TEST_SUITE_END()
