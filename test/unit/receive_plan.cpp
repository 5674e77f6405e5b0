#include "session/receive_plan.hpp"

#include "async/fairness.hpp"
#include "policy/buffer_budget.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>

using namespace finpost;
using namespace finpost::detail;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

using plan = finpost::detail::receive_plan;
using action = plan::action;

constexpr std::uint64_t no_files = UINT64_MAX;
constexpr std::size_t KiB = 1 << 10, MiB = 1 << 20;
constexpr plan::reading fast{0ns, false, true};

gateway_config limits(std::uint64_t max_payload = 16 * MiB) {
    gateway_config config;
    config.max_payload = max_payload;
    return config;
}

gateway_config streaming(std::uint64_t above) {
    gateway_config config = limits();
    config.stream_above = above;
    return config;
}

bool is(const plan::step& step, action what) { return step.what == what; }
bool ends(const plan::step& step, error_code why) {
    return step.what == action::done && step.error == why;
}

} // namespace

BOOST_AUTO_TEST_SUITE(receive_plan)

BOOST_AUTO_TEST_CASE(reads_are_few_and_grow) {
    std::size_t have = 0, reads = 0;
    for (; have < 64u << 10; ++reads) have += next_read(have, 1 << 30);
    BOOST_TEST(reads <= 4u);
    for (; have < 64u << 20; ++reads) have += next_read(have, 1 << 30);
    BOOST_TEST(reads <= 136u);
}

BOOST_AUTO_TEST_CASE(never_more_than_one_byte_above_the_limit) {
    BOOST_TEST(next_read(0, 10) == 11u);
    BOOST_TEST(next_read(9, 10) == 2u);
    BOOST_TEST(next_read(10, 10) == 1u);
    BOOST_TEST(next_read(4096, 4096) == 1u);
}

BOOST_AUTO_TEST_CASE(a_small_payload_is_reserved_read_and_waited_for) {
    plan of(limits(), no_files);
    auto step = of.next({0, 0});
    BOOST_REQUIRE(is(step, action::reserve));
    BOOST_TEST(step.size == 4 * KiB);
    BOOST_TEST(!step.join_queue);
    step = of.reserved(true, {0, 4 * KiB});
    BOOST_REQUIRE(is(step, action::read));
    BOOST_TEST(step.size == 4 * KiB);
    step = of.read(fast, {100, 4 * KiB - 100}); // try first, wait second
    BOOST_REQUIRE(is(step, action::read));
    BOOST_TEST(step.size == 4 * KiB - 100);
    BOOST_TEST(is(of.no_bytes(asio::error::would_block), action::wait));
    BOOST_TEST(is(of.next({100, 0}), action::reserve)); // the free space was given back
    BOOST_TEST(ends(of.no_bytes(asio::error::eof), {}));
}

BOOST_AUTO_TEST_CASE(only_an_eof_completes_a_payload) {
    plan of(limits(), no_files);
    BOOST_TEST(ends(of.no_bytes(asio::error::eof), {}));
    BOOST_TEST(ends(of.no_bytes(asio::error::connection_reset), asio::error::connection_reset));
    BOOST_TEST(ends(of.no_bytes(reason::tls_truncated), reason::tls_truncated));
    BOOST_TEST(ends(of.peeked(asio::error::connection_reset, {64 * KiB, 0}),
                    asio::error::connection_reset));
    BOOST_TEST(ends(of.peeked(asio::error::eof, {64 * KiB, 0}), {}));
    BOOST_TEST(is(of.peeked(asio::error::would_block, {64 * KiB, 0}), action::wait));
}

BOOST_AUTO_TEST_CASE(a_full_buffer_is_looked_behind_before_it_grows) {
    plan of(limits(), no_files);
    BOOST_TEST(is(of.next({4 * KiB, 0}), action::reserve)); // too small to look
    BOOST_TEST(is(of.next({16 * KiB, 0}), action::peek));
    BOOST_TEST(is(of.next({16 * KiB, 1}), action::read)); // not full
    BOOST_TEST(is(of.next({MiB, 0}), action::peek));
}

BOOST_AUTO_TEST_CASE(a_payload_above_the_limit_is_known_by_one_byte) {
    plan of(limits(10), no_files);
    auto step = of.next({0, 0});
    BOOST_TEST(step.size == 11u);
    step = of.reserved(true, {0, 4 * KiB}); // more than was asked for
    BOOST_TEST(step.size == 11u);
    BOOST_TEST(is(of.read(fast, {10, 1}), action::read));
    BOOST_TEST(ends(of.read(fast, {11, 0}), reason::too_large));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_read_ends_it) {
    gateway_config slow = limits();
    slow.min_rate = 1'000;
    plan of(slow, no_files);
    BOOST_TEST(ends(of.read({0ns, true, true}, {100, 0}), reason::foreign));
    BOOST_TEST(ends(of.read({6s, false, true}, {100, 10}), reason::too_slow));
    BOOST_TEST(is(of.read({4s, false, true}, {100, 10}), action::read)); // not judged yet
    BOOST_TEST(is(of.read({6s, false, true}, {6'001, 10}), action::read));
    // What goes nowhere is said so, whatever else is wrong with it.
    BOOST_TEST(ends(of.read({6s, true, true}, {17 * MiB, 0}), reason::foreign));
    BOOST_TEST(ends(of.read({6s, false, true}, {16 * MiB + 1, 0}), reason::too_large));
}

BOOST_AUTO_TEST_CASE(a_large_payload_queues_for_memory_once) {
    gateway_config tight = limits(MiB);
    tight.max_buffered = 2 * MiB; // 64 KiB for each client are not there
    plan of(tight, no_files);
    BOOST_TEST(is(of.next({4 * KiB, 0}), action::peek)); // it would queue: look before
    auto step = of.peeked({}, {4 * KiB, 0});
    BOOST_REQUIRE(is(step, action::reserve));
    BOOST_TEST(step.join_queue);
    step = of.next({8 * KiB, 0});
    BOOST_REQUIRE(is(step, action::reserve));
    BOOST_TEST(!step.join_queue); // it is in it already
}

BOOST_AUTO_TEST_CASE(a_small_payload_grows_beside_the_queue) {
    gateway_config config = limits(MiB);
    config.max_connections = 10;
    config.max_buffered = MiB + 1 + 200 * KiB; // 20 KiB for each
    plan of(config, no_files);
    auto step = of.next({12 * KiB, 0});
    BOOST_REQUIRE(is(step, action::reserve));
    BOOST_TEST(step.size == 8 * KiB); // and not three times what is there
    BOOST_TEST(!step.join_queue);
    BOOST_TEST(is(of.next({20 * KiB, 0}), action::peek));
    BOOST_TEST(of.peeked({}, {20 * KiB, 0}).join_queue);
}

BOOST_AUTO_TEST_CASE(without_memory_it_waits) {
    plan of(limits(), no_files);
    const auto wanted = of.next({4 * KiB, 0});
    auto step = of.reserved(false, {4 * KiB, 0});
    BOOST_REQUIRE(is(step, action::wait_for_memory));
    BOOST_TEST(step.size == wanted.size);
    BOOST_TEST(is(of.memory_came({}, true, {4 * KiB, 12 * KiB}), action::read));
    BOOST_TEST(ends(of.memory_came(reason::busy, true, {4 * KiB, 0}), reason::busy));
    BOOST_TEST(ends(of.memory_came(reason::draining, true, {4 * KiB, 0}), reason::draining));
}

BOOST_AUTO_TEST_CASE(where_there_are_files_memory_is_not_waited_for_long) {
    plan of(limits(), 4 * MiB);
    BOOST_TEST(of.may_spill());
    of.next({4 * KiB, 0});
    BOOST_TEST(is(of.memory_came(reason::busy, true, {4 * KiB, 0}), action::to_file));
    // Its whole time is over: no file helps.
    BOOST_TEST(ends(of.memory_came(reason::busy, false, {4 * KiB, 0}), reason::busy));
    BOOST_TEST(ends(of.memory_came(reason::draining, true, {4 * KiB, 0}), reason::draining));
}

BOOST_AUTO_TEST_CASE(above_the_threshold_it_goes_to_a_file) {
    plan of(limits(), 64 * KiB);
    BOOST_TEST(is(of.next({64 * KiB, 0}), action::peek)); // perhaps that is all
    BOOST_TEST(ends(of.peeked(asio::error::eof, {64 * KiB, 0}), {}));
    BOOST_TEST(is(of.peeked({}, {64 * KiB, 0}), action::to_file));
    BOOST_TEST(is(of.next({64 * KiB + 1, 100}), action::to_file));
    BOOST_TEST(is(of.next({64 * KiB, 1}), action::read));
    BOOST_TEST(of.next({64 * KiB, 100}).size == 1u); // one byte more is enough to know
    BOOST_TEST(of.most_in_memory() == 64 * KiB + 1);
}

BOOST_AUTO_TEST_CASE(beyond_stream_above_it_becomes_a_stream) {
    plan of(streaming(32 * KiB), 16 * KiB);
    BOOST_TEST(!of.may_spill()); // a stream goes to no file
    BOOST_TEST(of.most_in_memory() == 32 * KiB + quantum + stream_buffers);
    BOOST_TEST(is(of.read(fast, {32 * KiB, 10}), action::read));
    BOOST_TEST(is(of.read(fast, {32 * KiB + 1, 10}), action::look_for_end));
    BOOST_TEST(is(of.read({0ns, false, false}, {32 * KiB + 1, 10}), action::read)); // unknown yet
    auto step = of.end_looked_for({}, {32 * KiB + 1, 10});
    BOOST_REQUIRE(is(step, action::stream));
    BOOST_TEST(step.join_queue);
    BOOST_TEST(is(of.end_looked_for(asio::error::would_block, {32 * KiB + 1, 10}), action::stream));
}

BOOST_AUTO_TEST_CASE(a_payload_whose_end_is_there_is_no_stream) {
    plan of(streaming(32 * KiB), no_files);
    BOOST_TEST(is(of.end_looked_for(asio::error::eof, {32 * KiB + 1, 10}), action::read));
    BOOST_TEST(ends(of.end_looked_for(asio::error::connection_reset, {32 * KiB + 1, 10}),
                    asio::error::connection_reset));
    BOOST_TEST(
        ends(of.end_looked_for(reason::tls_truncated, {32 * KiB + 1, 10}), reason::tls_truncated));
}

BOOST_AUTO_TEST_CASE(a_threshold_above_the_largest_payload_streams_nothing) {
    plan of(streaming(64 * MiB), 4 * MiB);
    BOOST_TEST(of.may_spill());
    BOOST_TEST(is(of.read(fast, {2 * MiB, 10}), action::wait));
    BOOST_TEST(ends(of.read(fast, {16 * MiB + 1, 10}), reason::too_large));
}

BOOST_AUTO_TEST_CASE(a_client_that_sends_without_a_pause_lets_others_go_on) {
    plan of(limits(), no_files);
    BOOST_TEST(is(of.read(fast, {yields_above, 10}), action::read));
    BOOST_TEST(is(of.read(fast, {yields_above + 1, 10}), action::yield));
    BOOST_TEST(is(of.read(fast, {quantum - 1, 10}), action::yield));
    BOOST_TEST(is(of.read(fast, {quantum, 10}), action::wait)); // the wait lets them as well
}

BOOST_AUTO_TEST_CASE(a_stream_that_queued_before_does_not_queue_again) {
    gateway_config tight = streaming(512 * KiB);
    tight.max_buffered = 17 * MiB;
    plan of(tight, no_files);
    BOOST_TEST(of.peeked({}, {64 * KiB, 0}).join_queue);
    BOOST_TEST(!of.end_looked_for({}, {512 * KiB + 1, 0}).join_queue);
}

BOOST_AUTO_TEST_SUITE_END()
