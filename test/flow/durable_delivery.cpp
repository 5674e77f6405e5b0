// A queue behind a gateway: receipts, and what becomes of the payloads.
#include "queue/sqlite_store.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"
#include "support/until.hpp"

#include "finpost/delivery_queue.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using script = scripted_upstream::script;
using strings = std::vector<std::string>;

namespace {

script answer(int status, const std::string& more = "") {
    return scripted_upstream::raw("HTTP/1.1 " + std::to_string(status) + " X\r\n" + more +
                                  "Content-Length: 4\r\n\r\nwhy?");
}

struct fixture : gateway_fixture {
    fixture() {
        threads = 1; // a drain of the queue is awaited from outside
        delivery.upstream = "records";
        delivery.retry_first = 20ms;
        delivery.retry_most = 100ms;
    }
    delivery_config delivery;
    bool ordered = false;
    bool fallback = false;
    idempotency_key key = idempotency_key::id;

    void begin() {
        open_queue();
        // The gateway outlives the queue, which may be closed and opened again.
        start([this](request asked) { return (*answers)(std::move(asked)); });
    }
    void open_queue() {
        disk.emplace(1);
        detail::sqlite_store_options options;
        options.directory = folder.path();
        options.executor = executor();
        options.thread = disk->get_executor();
        options.max_bytes = max_bytes;
        options.ordered = ordered;
        options.log = log.as_logger(threshold);
        auto opened = detail::sqlite_store::open(std::move(options));
        BOOST_REQUIRE_MESSAGE(opened, opened.error().message);
        store = std::move(*opened);
        if (service.endpoints.empty()) service.endpoints = {upstream.url()};
        http.emplace(executor(), service, counters, log.as_logger(threshold));
        http->start();
        queue.emplace(executor(), store, *http, delivery, counters, log.as_logger(threshold));
        answers = fallback ? queue->as_fallback("scales", key) : queue->as_handler("scales", key);
    }
    // Delivers in this process's own time: with the gateway's threads.
    void deliver() { queue->start(); }
    void drain_queue(duration grace) {
        auto drained = queue->async_drain(grace, asio::use_future);
        BOOST_TEST((drained.wait_for(20s) == std::future_status::ready));
    }
    void close_queue() {
        if (!disk) return;
        drain_queue(1s);
        answers.reset();
        queue.reset();
        http.reset();
        BOOST_TEST(until([&] { return store.use_count() == 1; }));
        store.reset();
        disk->join();
        disk.reset();
    }
    void teardown() {
        upstream.open_gate();
        if (disk) {
            BOOST_TEST(until([&] { return sessions() == 0; }));
            close_queue();
        }
        gateway_fixture::teardown();
    }
    queue_stats stats() { return store->async_stats(asio::use_future).get(); }
    std::vector<queue_entry> list() { return store->async_list({}, {}, asio::use_future).get(); }
    bool wait_until_empty() {
        return until([&] { return stats().of(queue_state::waiting).payloads == 0; });
    }
    strings bodies() const {
        strings all;
        for (const auto& seen : upstream.requests()) all.push_back(seen.body);
        return all;
    }
    static std::string id_of(const raw_client::received& got) {
        BOOST_TEST(got.bytes.starts_with("finpost: queued "), got.bytes);
        return got.bytes.size() == 53 ? got.bytes.substr(16, 36) : got.bytes;
    }

    std::uint64_t max_bytes = 1 << 30;
    temporary_folder folder;
    std::optional<asio::thread_pool> disk;
    std::shared_ptr<queue_store> store;
    std::optional<http_upstream> http;
    std::optional<delivery_queue> queue;
    std::optional<handler> answers;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(durable_delivery, fixture)

BOOST_AUTO_TEST_CASE(a_receipt_and_then_the_service_has_it_under_its_id) {
    begin();
    deliver();
    const std::string id = id_of(exchange("hello"));
    BOOST_TEST(upstream.wait_for_requests(1));
    const auto seen = upstream.requests().at(0);
    BOOST_TEST(seen.body == "hello");
    BOOST_TEST(seen.field("Idempotency-Key") == id);
    BOOST_TEST(seen.field("X-Request-Id") == id);
    BOOST_TEST(seen.field("Forwarded").find("by=\"" + to_string(address())) != std::string::npos);
    BOOST_TEST(wait_until_empty());
    BOOST_TEST(counters.queue.stored.value() == 1u);
    BOOST_TEST(until([&] { return counters.queue.delivered.value() == 1u; }));
    BOOST_TEST(access_line().at("outcome") == "queued");
}

BOOST_AUTO_TEST_CASE(a_receipt_is_given_while_the_service_is_away) {
    const refusing_port nobody;
    service.endpoints = {parse_http_url("http://" + to_string(nobody.address()) + "/").value()};
    begin();
    deliver();
    id_of(exchange("hello"));
    BOOST_TEST(until([&] { return counters.queue.attempts_again.value() >= 1u; }));
    const auto waiting = list();
    BOOST_REQUIRE(waiting.size() == 1u);
    BOOST_TEST(waiting.front().last_error == "upstream_unreachable");
    BOOST_TEST(waiting.front().last_status == 0);
    BOOST_TEST(waiting.front().listener == "scales");
}

BOOST_AUTO_TEST_CASE(what_was_stored_is_delivered_by_the_next_process) {
    begin();
    const std::string id = id_of(exchange("hello"));
    BOOST_TEST(upstream.count() == 0u); // nobody delivers
    close_queue();
    open_queue();
    BOOST_TEST(stats().of(queue_state::waiting).payloads == 1u);
    deliver();
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(upstream.requests().at(0).field("Idempotency-Key") == id);
    BOOST_TEST(wait_until_empty());
}

BOOST_AUTO_TEST_CASE(what_failed_is_tried_again_under_the_same_key) {
    upstream.on(1, answer(503));
    upstream.on(2,
                scripted_upstream::raw_then_fin("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nc"));
    upstream.on(3, answer(401));
    begin();
    deliver();
    const std::string id = id_of(exchange("hello"));
    BOOST_TEST(upstream.wait_for_requests(4));
    BOOST_TEST(wait_until_empty());
    for (const auto& seen : upstream.requests()) {
        BOOST_TEST(seen.body == "hello");
        BOOST_TEST(seen.field("Idempotency-Key") == id);
    }
    BOOST_TEST(upstream.count() == 4u);
    BOOST_TEST(log.of("delivery failed").size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_status_that_says_so_makes_a_dead_letter) {
    upstream.by_default(answer(422));
    begin();
    deliver();
    const std::string id = id_of(exchange("hello"));
    BOOST_TEST(until([&] { return stats().of(queue_state::dead).payloads == 1u; }));
    const auto dead = list();
    BOOST_REQUIRE(dead.size() == 1u);
    BOOST_TEST(dead.front().id.text() == id);
    BOOST_TEST(dead.front().last_status == 422);
    BOOST_TEST(dead.front().last_error == "upstream_status: why?");
    BOOST_TEST(until([&] { return counters.queue.dead_refused.value() == 1u; }));
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_too_old_becomes_a_dead_letter) {
    upstream.by_default(answer(500));
    delivery.retry_for = 1ms;
    begin();
    deliver();
    id_of(exchange("hello"));
    BOOST_TEST(until([&] { return counters.queue.dead_expired.value() == 1u; }));
    BOOST_TEST(upstream.count() == 3u); // and not earlier
}

BOOST_AUTO_TEST_CASE(a_service_may_ask_for_time) {
    upstream.on(1, answer(503, "Retry-After: 1\r\n"));
    begin();
    deliver();
    id_of(exchange("hello"));
    BOOST_TEST(until([&] { return counters.queue.attempts_again.value() == 1u; }));
    const auto waiting = list();
    BOOST_REQUIRE(waiting.size() == 1u);
    BOOST_TEST((*waiting.front().due - waiting.front().accepted_at) >= 900ms);
    BOOST_TEST(upstream.wait_for_requests(2));
    BOOST_TEST(wait_until_empty());
}

BOOST_AUTO_TEST_CASE(a_service_that_is_down_is_asked_with_one_payload_at_a_time) {
    upstream.by_default(answer(503));
    begin();
    for (int i = 0; i < 40; ++i) id_of(exchange("payload " + std::to_string(i)));
    deliver();
    BOOST_TEST(until([&] { return log.of("deliveries wait").size() == 1u; }));
    BOOST_TEST(upstream.count() <= delivery.deliveries + 1);
    upstream.by_default(scripted_upstream::echo());
    BOOST_TEST(wait_until_empty());
    BOOST_TEST(log.of("deliveries go on").size() == 1u);
    std::set<std::string> delivered;
    for (const auto& seen : upstream.requests()) delivered.insert(seen.body);
    BOOST_TEST(delivered.size() == 40u);
}

BOOST_AUTO_TEST_CASE(one_sources_payloads_keep_their_order) {
    upstream.on(1, answer(503));
    upstream.on(4, answer(503));
    ordered = true;
    begin();
    deliver();
    strings sent;
    for (int i = 0; i < 10; ++i) {
        sent.push_back("payload " + std::to_string(i));
        id_of(exchange(sent.back()));
    }
    BOOST_TEST(wait_until_empty());
    strings got = bodies();
    got.erase(std::unique(got.begin(), got.end()), got.end());
    BOOST_TEST(got == sent, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_same_payload_may_have_the_same_key) {
    key = idempotency_key::sha256;
    begin();
    deliver();
    id_of(exchange("hello"));
    id_of(exchange("hello"));
    BOOST_TEST(upstream.wait_for_requests(2));
    for (const auto& seen : upstream.requests())
        BOOST_TEST(seen.field("Idempotency-Key") ==
                   "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    BOOST_TEST(wait_until_empty());
}

BOOST_AUTO_TEST_CASE(what_finds_no_room_is_refused_and_not_stored) {
    max_bytes = 10;
    begin();
    id_of(exchange("hello"));
    expect_refusal(exchange("hello again"), reason::queue_full);
    BOOST_TEST(stats().of(queue_state::waiting).payloads == 1u);
}

BOOST_AUTO_TEST_CASE(large_payloads_go_by_files) {
    config.spill_above = 100'000;
    begin();
    deliver();
    for (const std::size_t size : {200'000u, 1'000'000u, 3'000'000u})
        id_of(exchange(some_bytes(size)));
    BOOST_TEST(upstream.wait_for_requests(3));
    std::set<std::string> got;
    for (const auto& seen : upstream.requests()) got.insert(seen.body);
    BOOST_TEST((got == std::set<std::string>{some_bytes(200'000), some_bytes(1'000'000),
                                             some_bytes(3'000'000)}));
    BOOST_TEST(wait_until_empty());
}

BOOST_AUTO_TEST_CASE(a_fallback_relays_while_the_service_answers) {
    fallback = true;
    begin();
    deliver();
    BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(access_line().at("outcome") == "replied");
    BOOST_TEST(counters.queue.stored.value() == 0u);
}

BOOST_AUTO_TEST_CASE(a_fallback_stores_what_the_service_may_take_later) {
    fallback = true;
    service.total = 300ms;
    const std::vector<script> failing{
        answer(503), answer(429), scripted_upstream::never(),
        scripted_upstream::raw_then_fin("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut")};
    begin();
    for (std::size_t i = 0; i < failing.size(); ++i) {
        upstream.on(i + 1, failing[i]);
        const std::string id = id_of(exchange("payload " + std::to_string(i)));
        BOOST_TEST(upstream.requests().back().field("Idempotency-Key") == id);
    }
    deliver();
    BOOST_TEST(wait_until_empty());
    const auto seen = upstream.requests();
    BOOST_REQUIRE(seen.size() == 2 * failing.size());
    std::set<std::string> first, second;
    for (std::size_t i = 0; i < seen.size(); ++i)
        (i < failing.size() ? first : second)
            .insert(seen[i].field("Idempotency-Key") + seen[i].body);
    BOOST_TEST((first == second)); // the same payloads under the same keys
}

BOOST_AUTO_TEST_CASE(a_fallback_does_not_store_what_the_service_refuses) {
    fallback = true;
    upstream.on(1, answer(404));
    upstream.on(2, scripted_upstream::raw_then_fin("SSH-2.0-OpenSSH\r\n"));
    begin();
    expect_refusal(exchange("hello"), reason::upstream_status);
    expect_refusal(exchange("hello"), reason::upstream_invalid);
    BOOST_TEST(stats().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(a_drain_finishes_what_is_on_the_wire_and_leaves_the_rest) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    delivery.deliveries = 1;
    begin();
    for (int i = 0; i < 3; ++i) id_of(exchange("payload " + std::to_string(i)));
    deliver();
    BOOST_TEST(upstream.wait_for_heads(1));
    auto drained = queue->async_drain(10s, asio::use_future);
    upstream.open_gate();
    BOOST_TEST((drained.wait_for(20s) == std::future_status::ready));
    BOOST_TEST(stats().of(queue_state::waiting).payloads == 2u);
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(what_a_drain_cuts_waits_and_is_due_at_once) {
    upstream.on(1, scripted_upstream::never());
    begin();
    id_of(exchange("hello"));
    deliver();
    BOOST_TEST(upstream.wait_for_requests(1));
    drain_queue(20ms);
    BOOST_TEST(stats().of(queue_state::waiting).payloads == 1u);
    BOOST_TEST(stats().delivering == 0u);
    close_queue();
    open_queue();
    deliver();
    BOOST_TEST(wait_until_empty());
    BOOST_TEST(upstream.count() == 2u);
}

BOOST_AUTO_TEST_CASE(a_stop_of_the_gateway_withdraws_nothing_that_has_a_receipt) {
    begin();
    id_of(exchange("hello"));
    stop_gateway();
    BOOST_TEST(stats().of(queue_state::waiting).payloads == 1u);
}

BOOST_AUTO_TEST_CASE(bad_settings_are_problems) {
    delivery_config bad;
    bad.retry_first = 0ms;
    bad.retry_most = 500ms;
    bad.deliveries = 0;
    const auto all = validate(bad);
    BOOST_REQUIRE(all.size() == 2u);
    BOOST_TEST(all[0].field == "retry_first");
    BOOST_TEST(all[1].field == "deliveries");
    bad = {};
    bad.retry_most = 500ms;
    BOOST_REQUIRE(validate(bad).size() == 1u);
    BOOST_TEST(validate(bad).front().field == "retry_most");
}

BOOST_AUTO_TEST_SUITE_END()
