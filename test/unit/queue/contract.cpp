// What holds for every queue_store, whatever it keeps its payloads in.
#include "unit/queue/queue_client.hpp"
#include "unit/queue/store_factory.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/data/monomorphic.hpp>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace data = boost::unit_test::data;

namespace {

constexpr std::size_t large = 600 << 10;

// One store of the kind, and a client of it.
class opened {
public:
    explicit opened(const store_kind& kind, store_settings settings = {})
        : place_(kind.make_place()), settings_(settings) {
        reopen();
    }
    ~opened() { place_->close(std::move(store_)); }
    void reopen() {
        if (store_) place_->close(std::move(store_));
        store_ = place_->open(io.get_executor(), settings_);
        client_.emplace(*store_, io);
    }
    void ordered(bool value) { settings_.ordered = value; }
    queue_client* operator->() { return &*client_; }
    queue_store& store() { return *store_; }

    asio::io_context io;

private:
    std::unique_ptr<store_place> place_;
    store_settings settings_;
    std::unique_ptr<queue_store> store_;
    std::optional<queue_client> client_;
};

std::string text_of(const stored_payload& one) { return std::string(one.body.text()); }

std::vector<std::string> texts_of(const claimed_payloads& claimed) {
    std::vector<std::string> all;
    for (const stored_payload& each : claimed.payloads) all.push_back(text_of(each));
    return all;
}

using texts = std::vector<std::string>;
using state = queue_state;

asio::awaitable<void> deliver_two(queue_store& store, std::vector<error_code>& ends) {
    using asio::as_tuple;
    using asio::use_awaitable;
    std::vector<new_payload> batch;
    batch.push_back(make_payload("a"));
    batch.push_back(make_payload("b"));
    const auto [put] = co_await store.async_put(std::move(batch), as_tuple(use_awaitable));
    const std::string owner = "coroutine", upstream = "records";
    const auto [claim, claimed] =
        co_await store.async_claim(8, 1min, owner, upstream, as_tuple(use_awaitable));
    const held_payload first = held(claimed.payloads.at(0));
    const held_payload second = held(claimed.payloads.at(1));
    const attempt_failure why{503, "a text that is too long for a string to keep in itself"};
    const auto [failed] = co_await store.async_failed(first, 1h, why, as_tuple(use_awaitable));
    const auto [dead] = co_await store.async_dead(second, why, as_tuple(use_awaitable));
    const queue_filter filter{.state = state::dead, .listener = "scales"};
    const queue_page page;
    const auto [list, dead_ones] = co_await store.async_list(filter, page, as_tuple(use_awaitable));
    const auto [drop, dropped] = co_await store.async_drop(filter, page, as_tuple(use_awaitable));
    const auto [stats, there] = co_await store.async_stats(as_tuple(use_awaitable));
    ends = {put, claim, failed, dead, list, drop, stats};
    BOOST_TEST(dead_ones.size() == 1u);
    BOOST_TEST(dropped == 1u);
    BOOST_TEST(there.of(state::waiting).payloads == 1u);
}

} // namespace

#define CONTRACT(name)                                            \
    void name##_for(const store_kind& kind);                      \
    BOOST_DATA_TEST_CASE(name, data::make(store_kinds()), kind) { \
        if (kind.can_run()) name##_for(kind);                     \
    }                                                             \
    void name##_for(const store_kind& kind)

BOOST_AUTO_TEST_SUITE(contract)

CONTRACT(what_is_for_another_upstream_is_not_claimed) {
    opened queue(kind);
    new_payload other = make_payload("other");
    other.upstream = "elsewhere";
    BOOST_TEST(!queue->put(std::move(other)));
    BOOST_TEST(!queue->put(make_payload("ours")));
    BOOST_TEST((texts_of(queue->claim(8).value) == texts{"ours"}));
    BOOST_TEST((texts_of(queue->claim(8, 1min, "me", "elsewhere").value) == texts{"other"}));
    BOOST_TEST(queue->claim(8, 1min, "me", "nowhere").value.payloads.empty());
}

CONTRACT(what_was_put_is_claimed_with_all_that_was_said_of_it) {
    opened queue(kind);
    new_payload one = make_payload("hello", "[2001:db8::1]:4000");
    one.idempotency_key = "the key";
    const request_id id = one.id;
    BOOST_TEST(!queue->put(std::move(one)));
    const auto claimed = queue->claim(8);
    BOOST_TEST(!claimed.ec);
    BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
    const stored_payload& got = claimed.value.payloads[0];
    BOOST_TEST((got.entry.id == id));
    BOOST_TEST(got.entry.idempotency_key == "the key");
    BOOST_TEST(got.entry.sequence >= 1u);
    BOOST_TEST(got.entry.listener == "scales");
    BOOST_TEST(got.entry.upstream == "records");
    BOOST_TEST(to_string(got.entry.peer) == "[2001:db8::1]:4000");
    BOOST_TEST(got.entry.tls_name == "scale-7");
    BOOST_TEST(to_string(got.entry.local) == "192.0.2.9:5000");
    BOOST_TEST(got.entry.size == 5u);
    BOOST_TEST(got.entry.crc32c == 0x9a71bb4cu);
    BOOST_TEST((got.entry.state == state::waiting));
    BOOST_TEST(got.entry.attempts == 1u);
    BOOST_TEST(got.entry.lease_owner == "me");
    BOOST_TEST((got.entry.lease_until > got.entry.accepted_at));
    BOOST_TEST((got.entry.waiting_since == got.entry.accepted_at));
    BOOST_TEST((got.age >= 0ms && got.age < 1min));
    BOOST_TEST(text_of(got) == "hello");
}

CONTRACT(bodies_of_any_size_come_back_as_they_were) {
    opened queue(kind);
    std::string body(large, '\0');
    for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 + i / 251);
    std::vector<new_payload> batch;
    batch.push_back(make_payload(""));
    batch.push_back(make_payload(std::string("\0\r\n\xff", 4)));
    batch.push_back(make_payload(body));
    BOOST_TEST(!queue->put(std::move(batch)));
    const auto claimed = queue->claim(8);
    BOOST_REQUIRE(claimed.value.payloads.size() == 3u);
    BOOST_TEST(text_of(claimed.value.payloads[0]) == "");
    BOOST_TEST(text_of(claimed.value.payloads[1]) == std::string("\0\r\n\xff", 4));
    BOOST_TEST((text_of(claimed.value.payloads[2]) == body));
    // Readable on, also when it has been delivered.
    BOOST_TEST(queue->delivered({claimed.value.payloads[2].entry.id}).value == 1u);
    BOOST_TEST((text_of(claimed.value.payloads[2]) == body));
}

CONTRACT(what_was_acknowledged_is_there_after_a_restart) {
    opened queue(kind);
    BOOST_TEST(!queue->put(make_payload("first")));
    BOOST_TEST(!queue->put(make_payload(std::string(large, 'x'))));
    const queue_stats before = queue->stats();
    queue.reopen();
    BOOST_TEST((queue->stats().states == before.states));
    const auto claimed = queue->claim(8);
    BOOST_REQUIRE(claimed.value.payloads.size() == 2u);
    BOOST_TEST(text_of(claimed.value.payloads[0]) == "first");
    BOOST_TEST((text_of(claimed.value.payloads[1]) == std::string(large, 'x')));
}

CONTRACT(an_id_that_is_there_is_left_as_it_is) {
    opened queue(kind);
    new_payload one = make_payload("first");
    new_payload same = make_payload("second");
    new_payload larger = make_payload(std::string(large, 'x'));
    same.id = larger.id = one.id;
    BOOST_TEST(!queue->put(std::move(one)));
    BOOST_TEST(!queue->put(std::move(same)));
    BOOST_TEST(!queue->put(std::move(larger)));
    BOOST_TEST((texts_of(queue->claim(8).value) == texts{"first"}));
    BOOST_TEST(queue->stats().of(state::waiting).payloads == 1u);
    BOOST_TEST(queue->stats().bytes == 5u);
}

CONTRACT(one_key_may_have_several_payloads) {
    opened queue(kind);
    for (int i = 0; i < 2; ++i) {
        new_payload one = make_payload("same");
        one.idempotency_key = "sum";
        BOOST_TEST(!queue->put(std::move(one)));
    }
    BOOST_TEST(queue->claim(8).value.payloads.size() == 2u);
}

CONTRACT(the_oldest_comes_first_and_no_more_than_asked_for) {
    opened queue(kind);
    for (const std::string body : {"a", "b", "c"}) BOOST_TEST(!queue->put(make_payload(body)));
    BOOST_TEST((texts_of(queue->claim(2).value) == texts{"a", "b"}));
    BOOST_TEST((texts_of(queue->claim(2).value) == texts{"c"}));
    BOOST_TEST(queue->claim(2).value.payloads.empty());
    BOOST_TEST(queue->claim(0).value.payloads.empty());
}

CONTRACT(a_lease_that_has_run_out_is_due_again_as_another_attempt) {
    opened queue(kind);
    BOOST_TEST(!queue->put(make_payload("a")));
    const auto first = queue->claim(1, 0ms, "one");
    const auto second = queue->claim(1, 1min, "two");
    BOOST_REQUIRE(second.value.payloads.size() == 1u);
    BOOST_TEST(second.value.payloads[0].entry.attempts == 2u);
    BOOST_TEST(second.value.payloads[0].entry.lease_owner == "two");
    // Only who holds it now says what became of it.
    BOOST_TEST((queue->failed(held(first.value.payloads[0]), 1h) == queue_error::not_held));
    BOOST_TEST((queue->dead(held(first.value.payloads[0])) == queue_error::not_held));
    BOOST_TEST(queue->stats().of(state::dead).payloads == 0u);
    BOOST_TEST(queue->stats().delivering == 1u);
    // But what was delivered was delivered.
    BOOST_TEST(queue->delivered({first.value.payloads[0].entry.id}).value == 1u);
    BOOST_TEST(queue->stats().of(state::waiting).payloads == 0u);
}

CONTRACT(the_same_owner_does_not_hold_an_earlier_claim) {
    opened queue(kind);
    BOOST_TEST(!queue->put(make_payload("a")));
    const auto first = queue->claim(1, 0ms);
    const auto second = queue->claim(1);
    BOOST_TEST((queue->failed(held(first.value.payloads[0]), 0ms) == queue_error::not_held));
    BOOST_TEST(!queue->failed(held(second.value.payloads[0]), 0ms));
}

CONTRACT(what_was_delivered_is_forgotten_once) {
    opened queue(kind);
    BOOST_TEST(!queue->put(make_payload("a")));
    BOOST_TEST(!queue->put(make_payload(std::string(large, 'x'))));
    const auto claimed = queue->claim(2);
    const std::vector<request_id> ids{claimed.value.payloads[0].entry.id,
                                      claimed.value.payloads[1].entry.id, request_id::generate()};
    BOOST_TEST(queue->delivered(ids).value == 2u);
    const auto again = queue->delivered(ids);
    BOOST_TEST(!again.ec);
    BOOST_TEST(again.value == 0u);
    BOOST_TEST(queue->list().value.empty());
    BOOST_TEST(queue->stats().bytes == 0u);
}

CONTRACT(what_failed_is_due_later_and_says_why) {
    opened queue(kind);
    BOOST_TEST(!queue->put(make_payload("a")));
    const auto claimed = queue->claim(1);
    BOOST_TEST(!queue->failed(held(claimed.value.payloads[0]), 1h, {503, "overloaded"}));
    const auto later = queue->claim(1);
    BOOST_TEST(later.value.payloads.empty());
    BOOST_REQUIRE(later.value.next_due.has_value());
    BOOST_TEST((*later.value.next_due > 59min && *later.value.next_due <= 1h));
    const queue_entry entry = queue->list().value.at(0);
    BOOST_TEST(entry.last_status == 503);
    BOOST_TEST(entry.last_error == "overloaded");
    BOOST_TEST(entry.attempts == 1u);
    BOOST_TEST(entry.lease_owner == "");
    BOOST_TEST(queue->stats().delivering == 0u);
}

CONTRACT(the_next_is_due_when_a_lease_ends_or_never) {
    opened queue(kind);
    BOOST_TEST(!queue->claim(1).value.next_due.has_value());
    BOOST_TEST(!queue->put(make_payload("a")));
    BOOST_TEST((queue->claim(1, 1min).value.next_due <= 1min));
    BOOST_TEST((queue->claim(1, 1min).value.next_due > 50s));
}

CONTRACT(a_dead_letter_waits_for_somebody) {
    opened queue(kind);
    BOOST_TEST(!queue->put(make_payload("a")));
    const auto claimed = queue->claim(1, 0ms);
    BOOST_TEST(!queue->dead(held(claimed.value.payloads[0]), {422, "no such scale"}));
    BOOST_TEST(queue->claim(1).value.payloads.empty());
    const queue_stats stats = queue->stats();
    BOOST_TEST(stats.of(state::dead).payloads == 1u);
    BOOST_TEST(stats.of(state::dead).bytes == 1u);
    BOOST_TEST(stats.of(state::waiting).payloads == 0u);
    BOOST_TEST(!stats.oldest.has_value());
    const queue_entry entry = queue->list({.state = state::dead}).value.at(0);
    BOOST_TEST(entry.last_status == 422);
    BOOST_TEST(entry.last_error == "no such scale");
    queue.reopen();
    BOOST_TEST(queue->stats().of(state::dead).payloads == 1u);
}

CONTRACT(a_replay_makes_it_new_and_drops_nothing) {
    opened queue(kind);
    BOOST_TEST(!queue->put(make_payload("a")));
    BOOST_TEST(!queue->put(make_payload("b")));
    const auto claimed = queue->claim(1);
    BOOST_TEST(!queue->dead(held(claimed.value.payloads[0])));
    BOOST_TEST(queue->replay({.listener = "others"}).value == 0u);
    BOOST_TEST(queue->replay({.state = state::waiting}).value == 0u);
    BOOST_TEST(queue->replay().value == 1u);
    BOOST_TEST(queue->replay().value == 0u);
    const auto again = queue->claim(2);
    BOOST_REQUIRE(again.value.payloads.size() == 2u);
    BOOST_TEST((texts_of(again.value) == texts{"b", "a"}));
    BOOST_TEST(again.value.payloads[1].entry.attempts == 1u);
    BOOST_TEST((again.value.payloads[1].age < 1min));
}

CONTRACT(a_drop_is_for_good) {
    opened queue(kind);
    std::vector<request_id> ids;
    for (const std::string body : {"a", "b", "c"}) {
        new_payload one = make_payload(body);
        ids.push_back(one.id);
        BOOST_TEST(!queue->put(std::move(one)));
    }
    BOOST_TEST(queue->drop({.ids = {ids[1]}}).value == 1u);
    BOOST_TEST(queue->drop({.ids = {ids[1]}}).value == 0u);
    BOOST_TEST((texts_of(queue->claim(8).value) == texts{"a", "c"}));
    BOOST_TEST(queue->drop({.state = state::dead}).value == 0u);
    BOOST_TEST(queue->drop({}, {.most = 1}).value == 1u);
    BOOST_TEST(queue->drop().value == 1u);
    BOOST_TEST(queue->stats().bytes == 0u);
}

CONTRACT(a_list_comes_in_pages_and_by_filter) {
    opened queue(kind);
    for (const std::string body : {"a", "b", "c"}) BOOST_TEST(!queue->put(make_payload(body)));
    new_payload other = make_payload("d");
    other.listener = "meters";
    other.upstream = "billing";
    const request_id id = other.id;
    BOOST_TEST(!queue->put(std::move(other)));
    const auto first = queue->list({}, {.most = 2});
    BOOST_REQUIRE(first.value.size() == 2u);
    BOOST_TEST((first.value[0].sequence < first.value[1].sequence));
    const auto second = queue->list({}, {.after = first.value[1].sequence, .most = 9});
    BOOST_TEST(second.value.size() == 2u);
    BOOST_TEST((queue->list({.listener = "meters"}).value.at(0).id == id));
    BOOST_TEST((queue->list({.upstream = "billing"}).value.at(0).id == id));
    BOOST_TEST(queue->list({.ids = {id}}).value.size() == 1u);
    BOOST_TEST(queue->list({.ids = {id}, .listener = "scales"}).value.empty());
    BOOST_TEST(queue->list({.listener = "' or 1=1 --"}).value.empty());
    BOOST_TEST(queue->list({.state = state::waiting}).value.size() == 4u);
}

CONTRACT(one_can_be_shown_with_its_bytes) {
    opened queue(kind);
    new_payload one = make_payload("hello");
    const request_id id = one.id;
    BOOST_TEST(!queue->put(std::move(one)));
    const auto shown = queue->show(id);
    BOOST_TEST(!shown.ec);
    BOOST_REQUIRE(shown.value.has_value());
    BOOST_TEST(text_of(*shown.value) == "hello");
    BOOST_TEST(shown.value->entry.attempts == 0u); // it was not claimed by that
    BOOST_TEST((queue->show(request_id::generate()).ec == queue_error::not_found));
}

CONTRACT(above_its_limit_it_is_full_and_stores_nothing_of_the_batch) {
    opened queue(kind, {.max_bytes = 10});
    BOOST_TEST(!queue->put(make_payload("0123456")));
    std::vector<new_payload> batch;
    batch.push_back(make_payload("a"));
    batch.push_back(make_payload("bcd"));
    BOOST_TEST((queue->put(std::move(batch)) == queue_error::full));
    BOOST_TEST(queue->stats().of(state::waiting).payloads == 1u);
    BOOST_TEST(!queue->put(make_payload("abc")));
    BOOST_TEST((queue->put(make_payload("x")) == queue_error::full));
    BOOST_TEST(queue->stats().max_bytes == 10u);
    const auto claimed = queue->claim(1);
    BOOST_TEST(queue->delivered({claimed.value.payloads[0].entry.id}).value == 1u);
    BOOST_TEST(!queue->put(make_payload("x")));
}

CONTRACT(in_order_a_source_has_one_due_and_the_others_go_on) {
    opened queue(kind, {.ordered = true});
    BOOST_TEST(!queue->put(make_payload("a1", "192.0.2.1:1")));
    BOOST_TEST(!queue->put(make_payload("a2", "192.0.2.1:2"))); // the port does not matter
    BOOST_TEST(!queue->put(make_payload("b1", "192.0.2.2:1")));
    auto claimed = queue->claim(8);
    BOOST_TEST((texts_of(claimed.value) == texts{"a1", "b1"}));
    BOOST_TEST(queue->claim(8).value.payloads.empty());
    BOOST_TEST(!queue->failed(held(claimed.value.payloads[0]), 0ms));
    claimed = queue->claim(8);
    BOOST_TEST((texts_of(claimed.value) == texts{"a1"}));
    queue.reopen();
    BOOST_TEST(queue->delivered({claimed.value.payloads[0].entry.id}).value == 1u);
    BOOST_TEST(queue->claim(8, 0ms).value.payloads.size() >= 1u);
    const auto rest = queue->list().value;
    BOOST_REQUIRE(rest.size() == 2u);
    BOOST_TEST(rest[0].due.has_value());
}

CONTRACT(in_order_a_dead_or_dropped_one_makes_way) {
    opened queue(kind, {.ordered = true});
    for (const std::string body : {"1", "2", "3"}) BOOST_TEST(!queue->put(make_payload(body)));
    BOOST_TEST(!queue->list().value[1].due.has_value()); // behind another
    const auto first = queue->claim(8);
    BOOST_TEST((texts_of(first.value) == texts{"1"}));
    BOOST_TEST(!queue->dead(held(first.value.payloads[0])));
    BOOST_TEST(queue->drop({.ids = {queue->list({.state = state::waiting}).value[0].id}}).value ==
               1u);
    // What is replayed comes behind what is there already.
    BOOST_TEST(queue->replay().value == 1u);
    const auto second = queue->claim(8);
    BOOST_TEST((texts_of(second.value) == texts{"3"}));
    BOOST_TEST(queue->delivered({second.value.payloads[0].entry.id}).value == 1u);
    BOOST_TEST((texts_of(queue->claim(8).value) == texts{"1"}));
}

CONTRACT(the_order_can_be_changed_between_two_runs) {
    opened queue(kind);
    for (const std::string body : {"1", "2", "3"}) BOOST_TEST(!queue->put(make_payload(body)));
    queue.ordered(true);
    queue.reopen();
    BOOST_TEST((texts_of(queue->claim(8).value) == texts{"1"}));
    queue.ordered(false);
    queue.reopen();
    BOOST_TEST(queue->claim(8).value.payloads.size() >= 2u);
}

CONTRACT(the_handler_is_called_where_it_is_bound_to_and_not_from_within) {
    opened queue(kind);
    const auto strand = asio::make_strand(queue.io);
    bool told = false;
    bool there = false;
    std::vector<new_payload> batch;
    batch.push_back(make_payload("a"));
    auto only_moved = std::make_unique<int>(7);
    queue.store().async_put(
        std::move(batch),
        asio::bind_executor(strand, [&, kept = std::move(only_moved)](error_code ec) {
            told = !ec && *kept == 7;
            there = strand.running_in_this_thread();
        }));
    BOOST_TEST(!told);
    queue.io.run();
    BOOST_TEST(told);
    BOOST_TEST(there);
}

CONTRACT(a_coroutine_waits_for_it) {
    opened queue(kind);
    std::vector<error_code> ends;
    asio::co_spawn(queue.io, deliver_two(queue.store(), ends), [](std::exception_ptr failed) {
        if (failed) std::rethrow_exception(failed);
    });
    queue.io.run();
    BOOST_TEST(ends.size() == 7u);
    for (const error_code& each : ends) BOOST_TEST(!each);
}

CONTRACT(what_was_asked_for_is_done_though_the_store_goes) {
    opened queue(kind);
    std::size_t told = 0;
    for (int i = 0; i < 100; ++i) {
        std::vector<new_payload> batch;
        batch.push_back(make_payload(std::to_string(i)));
        queue.store().async_put(std::move(batch), [&](error_code ec) { told += ec ? 0 : 1; });
    }
    queue.reopen();
    queue.io.run();
    BOOST_TEST(told == 100u);
    BOOST_TEST(queue->stats().of(state::waiting).payloads == 100u);
}

// Withdrawn or begun: the answer says which, and what is stored agrees with it.
CONTRACT(a_put_that_is_given_up_is_answered_at_once) {
    opened queue(kind);
    constexpr std::size_t count = 200;
    std::vector<asio::cancellation_signal> signals(count);
    std::vector<error_code> ends(count, queue_error::not_found);
    std::vector<request_id> ids;
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<new_payload> batch;
        batch.push_back(make_payload(std::to_string(i)));
        ids.push_back(batch.front().id);
        queue.store().async_put(
            std::move(batch), asio::bind_cancellation_slot(
                                  signals[i].slot(), [&ends, i](error_code ec) { ends[i] = ec; }));
    }
    for (auto& signal : signals) signal.emit(asio::cancellation_type::total);
    queue.io.run();
    for (std::size_t i = 0; i < count; ++i) {
        const bool there = queue->list({.ids = {ids[i]}}).value.size() == 1;
        if (!ends[i]) BOOST_TEST(there);
        if (ends[i] == asio::error::operation_aborted) BOOST_TEST(!there);
        BOOST_TEST((!ends[i] || ends[i] == asio::error::operation_aborted ||
                    ends[i] == queue_error::failed));
    }
}

BOOST_AUTO_TEST_SUITE_END()
