// Several gateways with one queue, and what its rows are.
#include "cluster/postgres_place.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// A queue of two gateways.
class shared_queue {
public:
    explicit shared_queue(bool ordered = false, std::uint64_t max_bytes = 1 << 30)
        : made_(make_postgres_queue(tables.config())), one(named("one", ordered, max_bytes)),
          two(named("two", ordered, max_bytes), {}, &of_two) {
        BOOST_TEST(!!made_);
    }

    const queue_tables tables;
    metrics::queue_counters of_two;

private:
    postgres_queue_config named(const std::string& name, bool ordered, std::uint64_t max) const {
        postgres_queue_config config = tables.config();
        config.name = name;
        config.ordered = ordered;
        config.max_bytes = max;
        return config;
    }
    const parsed<void> made_;

public:
    opened_postgres one, two;
};

std::vector<std::string> texts_of(const claimed_payloads& claimed) {
    std::vector<std::string> all;
    for (const stored_payload& each : claimed.payloads) all.emplace_back(each.body.text());
    return all;
}

} // namespace

BOOST_AUTO_TEST_SUITE(postgres_sharing)

BOOST_AUTO_TEST_CASE(two_gateways_never_have_the_same) {
    if (!postgres_server::there()) return;
    shared_queue queue;
    constexpr int count = 100;
    for (int i = 0; i < count; ++i)
        BOOST_TEST(!(i % 2 == 0 ? queue.one : queue.two)->put(make_payload(std::to_string(i))));
    std::set<std::string> seen;
    std::vector<claimed_payloads> got(8);
    for (std::size_t i = 0; i < got.size(); ++i) { // all at once
        opened_postgres& who = i % 2 == 0 ? queue.one : queue.two;
        who.store().async_claim(20, 1min, "owner " + std::to_string(i % 2), "records",
                                [&got, i](error_code ec, claimed_payloads claimed) {
                                    BOOST_TEST(!ec);
                                    got[i] = std::move(claimed);
                                });
    }
    for (opened_postgres* each : {&queue.one, &queue.two}) {
        each->io.restart();
        each->io.run();
    }
    std::size_t all = 0;
    for (const claimed_payloads& each : got) {
        all += each.payloads.size();
        for (const std::string& text : texts_of(each)) seen.insert(text);
    }
    BOOST_TEST(seen.size() == all);
    for (const std::string& rest : texts_of(queue.two->claim(100).value)) seen.insert(rest);
    BOOST_TEST(seen.size() == std::size_t{count});
}

BOOST_AUTO_TEST_CASE(the_books_are_of_all_gateways) {
    if (!postgres_server::there()) return;
    shared_queue queue(false, 10);
    BOOST_TEST(!queue.one->put(make_payload("12345")));
    BOOST_TEST(!queue.two->put(make_payload("1234")));
    BOOST_TEST((queue.one->put(make_payload("12")) == queue_error::full));
    BOOST_TEST(queue.one->stats().bytes == 9u);
    // What one has stored the other delivers.
    const auto claimed = queue.one->claim(8);
    BOOST_REQUIRE(claimed.value.payloads.size() == 2u);
    BOOST_TEST(queue.two->delivered({claimed.value.payloads[0].entry.id}).value == 1u);
    BOOST_TEST(!queue.one->dead(held(claimed.value.payloads[1])));
    for (opened_postgres* each : {&queue.one, &queue.two}) {
        const queue_stats now = (*each)->stats();
        BOOST_TEST(now.of(queue_state::waiting).payloads == 0u);
        BOOST_TEST(now.of(queue_state::dead).bytes == 4u);
        BOOST_TEST(now.bytes == 4u);
    }
    BOOST_TEST(queue.tables.sql("select count(*) from finpost_payloads") == "1");
}

BOOST_AUTO_TEST_CASE(of_many_at_once_as_many_are_stored_as_have_room) {
    if (!postgres_server::there()) return;
    shared_queue queue(false, 10);
    int stored = 0, full = 0;
    for (int i = 0; i < 25; ++i) {
        std::vector<new_payload> batch;
        batch.push_back(make_payload("x"));
        queue.one.store().async_put(std::move(batch), [&](error_code ec) {
            stored += ec ? 0 : 1;
            full += ec == queue_error::full ? 1 : 0;
        });
    }
    queue.one.io.run();
    BOOST_TEST(stored == 10);
    BOOST_TEST(full == 15);
    BOOST_TEST(queue.one->stats().bytes == 10u);
}

// It was stopped while it delivered, its lease has run out, and then it goes on.
BOOST_AUTO_TEST_CASE(a_gateway_that_was_frozen_does_no_harm) {
    if (!postgres_server::there()) return;
    shared_queue queue;
    BOOST_TEST(!queue.one->put(make_payload("a")));
    BOOST_TEST(!queue.one->put(make_payload("b")));
    const auto frozen = queue.one->claim(2, 0ms, "one");
    const auto taken = queue.two->claim(2, 1min, "two");
    BOOST_REQUIRE(frozen.value.payloads.size() == 2u);
    BOOST_REQUIRE(taken.value.payloads.size() == 2u);
    BOOST_TEST(taken.value.payloads[0].entry.attempts == 2u);
    BOOST_TEST((queue.one->failed(held(frozen.value.payloads[0]), 1h) == queue_error::not_held));
    BOOST_TEST((queue.one->dead(held(frozen.value.payloads[1])) == queue_error::not_held));
    BOOST_TEST(queue.two->stats().delivering == 2u);
    BOOST_TEST(queue.one->delivered({frozen.value.payloads[0].entry.id}).value == 1u);
    BOOST_TEST((queue.two->failed(held(taken.value.payloads[0]), 1h) == queue_error::not_held));
    BOOST_TEST(!queue.two->failed(held(taken.value.payloads[1]), 1h));
    BOOST_TEST(queue.one->stats().of(queue_state::waiting).payloads == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_taken_over_from_a_lease_that_has_run_out_is_recovered) {
    if (!postgres_server::there()) return;
    shared_queue queue;
    for (const std::string body : {"a", "b", "c", "d"})
        BOOST_TEST(!queue.one->put(make_payload(body)));
    const auto dies = queue.one->claim(3, 0ms, "one");
    BOOST_REQUIRE(dies.value.payloads.size() == 3u);
    // Given back, it has no lease that could run out.
    BOOST_TEST(!queue.one->failed(held(dies.value.payloads[0]), 0ms));
    BOOST_TEST(queue.two->claim(8, 0ms, "two").value.payloads.size() == 4u);
    BOOST_TEST(queue.of_two.recovered.value() == 2u);
    // Its own lease, of an earlier life or of this one.
    BOOST_TEST(queue.two->claim(8, 1min, "two").value.payloads.size() == 4u);
    BOOST_TEST(queue.of_two.recovered.value() == 6u);
    BOOST_TEST(queue.two->claim(8).value.payloads.empty());
    BOOST_TEST(queue.of_two.recovered.value() == 6u);
}

BOOST_AUTO_TEST_CASE(a_source_has_one_due_whichever_gateway_it_comes_to) {
    if (!postgres_server::there()) return;
    shared_queue queue(true);
    int ended = 0;
    for (int i = 0; i < 20; ++i) { // all at once, by both
        std::vector<new_payload> batch;
        batch.push_back(make_payload("same"));
        (i % 2 == 0 ? queue.one : queue.two)
            .store()
            .async_put(std::move(batch), [&](error_code ec) { ended += ec ? 0 : 1; });
    }
    queue.one.io.run();
    queue.two.io.run();
    BOOST_TEST(ended == 20);
    std::uint64_t last = 0;
    for (int i = 0; i < 20; ++i) {
        opened_postgres& who = i % 3 == 0 ? queue.one : queue.two;
        const auto claimed = who->claim(8);
        BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
        const queue_entry& entry = claimed.value.payloads[0].entry;
        BOOST_TEST(entry.sequence > last);
        last = entry.sequence;
        BOOST_TEST((i % 2 == 0 ? queue.one : queue.two)->delivered({entry.id}).value == 1u);
    }
    BOOST_TEST(queue.one->list().value.empty());
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_set_aside_and_makes_room) {
    if (!postgres_server::there()) return;
    shared_queue queue;
    for (const std::string body : {"good", "bad", "fine"})
        BOOST_TEST(!queue.one->put(make_payload(body)));
    queue.tables.sql("update finpost_payloads set body = 'bat' where body = 'bad'");
    BOOST_TEST((texts_of(queue.one->claim(2).value) == std::vector<std::string>{"good", "fine"}));
    const auto aside = queue.two->list({.state = queue_state::set_aside});
    BOOST_REQUIRE(aside.value.size() == 1u);
    BOOST_TEST(aside.value[0].last_error == "its bytes are not what was stored");
    BOOST_TEST(queue.two->stats().of(queue_state::set_aside).bytes == 3u);
}

BOOST_AUTO_TEST_CASE(texts_of_peers_may_be_anything) {
    if (!postgres_server::there()) return;
    shared_queue queue;
    new_payload one = make_payload("a");
    one.tls_name = std::string("n\0me\xff", 5);
    BOOST_TEST(!queue.one->put(std::move(one)));
    const auto claimed = queue.one->claim(1);
    BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
    BOOST_TEST(claimed.value.payloads[0].entry.tls_name == "n\xef\xbf\xbdme\xef\xbf\xbd");
    BOOST_TEST(!queue.one->failed(held(claimed.value.payloads[0]), 0ms, {500, "'; -- \xc3"}));
    BOOST_TEST(queue.one->list().value.at(0).last_error == "'; -- \xef\xbf\xbd");
}

// Nobody takes all of a backlog of large payloads into memory.
BOOST_AUTO_TEST_CASE(a_claim_takes_no_more_than_some_megabytes) {
    if (!postgres_server::there()) return;
    shared_queue queue;
    for (int i = 0; i < 3; ++i)
        BOOST_TEST(!queue.one->put(make_payload(std::string(9 << 20, 'x'))));
    const auto claimed = queue.one->claim(8);
    BOOST_TEST(claimed.value.payloads.size() == 2u);
    BOOST_TEST((claimed.value.next_due == 0ms));
    BOOST_TEST(queue.one->claim(8).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
