#include "policy/admission.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>

using namespace finpost;
using namespace finpost::detail;
using namespace std::chrono_literals;

namespace {
socket_address from(const char* text) { return parse_socket_address(text).value(); }
} // namespace

BOOST_AUTO_TEST_SUITE(admission)

BOOST_AUTO_TEST_CASE(permits_are_limited_and_give_themselves_back) {
    finpost::detail::admission door(2, 0, 0);
    auto a = door.try_admit();
    {
        auto b = door.try_admit();
        BOOST_TEST((a && b));
        BOOST_TEST(!door.try_admit());
        auto moved = std::move(*b);
        BOOST_TEST(!door.try_admit());
    }
    BOOST_TEST(door.try_admit().has_value());
}

BOOST_AUTO_TEST_CASE(a_source_may_be_left_before_the_permit_is_given_back) {
    finpost::detail::admission door(2, 1, 0);
    auto a = door.try_admit(), b = door.try_admit();
    BOOST_TEST(door.admit_source(*a, from("192.0.2.1:1")));
    BOOST_TEST(!door.admit_source(*b, from("192.0.2.1:2")));
    a->leave_source();
    a->leave_source();
    BOOST_TEST(door.admit_source(*b, from("192.0.2.1:2")));
    BOOST_TEST(!door.try_admit());
    a.reset();
    auto c = door.try_admit();
    BOOST_REQUIRE(c.has_value());
    BOOST_TEST(!door.admit_source(*c, from("192.0.2.1:3")));
}

BOOST_AUTO_TEST_CASE(a_change_of_limits_counts_those_who_are_in) {
    finpost::detail::admission door(3, 0, 0);
    auto a = door.try_admit(), b = door.try_admit();
    door.change(1, 1, 0);
    BOOST_TEST(!door.try_admit());
    a.reset();
    BOOST_TEST(!door.try_admit());
    b.reset();
    auto c = door.try_admit();
    BOOST_REQUIRE(c.has_value());
    BOOST_TEST(door.admit_source(*c, from("127.0.0.1:1")));
    door.change(2, 1, 0);
    auto d = door.try_admit();
    BOOST_REQUIRE(d.has_value());
    BOOST_TEST(!door.admit_source(*d, from("127.0.0.1:2")));
}

BOOST_AUTO_TEST_CASE(a_change_that_keeps_the_rate_gives_no_second_burst) {
    finpost::detail::admission door(10, 0, 1);
    const auto now = token_bucket::clock::now();
    BOOST_TEST(!door.accept_at(now).has_value());
    door.change(11, 0, 1);
    BOOST_TEST(door.accept_at(now).has_value());
    door.change(11, 0, 2);
    BOOST_TEST(!door.accept_at(now).has_value());
}

BOOST_AUTO_TEST_CASE(who_finds_no_permit_waits_and_is_woken_by_the_next) {
    boost::asio::io_context io;
    finpost::detail::admission door(1, 0, 0);
    auto held = door.try_admit();
    const auto turn = door.join_unless_free(io.get_executor());
    BOOST_REQUIRE(turn);
    io.poll();
    BOOST_TEST(!turn->woken());
    held.reset();
    io.restart();
    io.poll();
    BOOST_TEST(turn->woken());
    BOOST_TEST(!door.join_unless_free(io.get_executor()));
}

BOOST_AUTO_TEST_CASE(one_address_holds_no_more_than_its_share) {
    finpost::detail::admission door(10, 2, 0);
    auto a = door.try_admit(), b = door.try_admit(), c = door.try_admit(), d = door.try_admit();
    BOOST_TEST(door.admit_source(*a, from("192.0.2.1:1")));
    BOOST_TEST(door.admit_source(*b, from("192.0.2.1:2")));
    BOOST_TEST(!door.admit_source(*c, from("192.0.2.1:3")));
    BOOST_TEST(door.admit_source(*d, from("192.0.2.2:1")));
    a.reset();
    BOOST_TEST(door.admit_source(*c, from("192.0.2.1:3")));
}

BOOST_AUTO_TEST_CASE(tokens_come_at_their_rate) {
    using clock = token_bucket::clock;
    const clock::time_point start{std::chrono::hours(1)};
    token_bucket bucket(10);
    for (int i = 0; i < 10; ++i) BOOST_TEST(!bucket.take(start));
    const auto next = bucket.take(start);
    BOOST_REQUIRE(next.has_value());
    BOOST_TEST((*next > start + 99ms && *next < start + 101ms));
    BOOST_TEST(!bucket.take(*next));
    BOOST_TEST(bucket.take(*next).has_value());
    // A pause fills it up again, and not above its size.
    for (int i = 0; i < 10; ++i) BOOST_TEST(!bucket.take(start + 1h));
    BOOST_TEST(bucket.take(start + 1h).has_value());
}

BOOST_AUTO_TEST_CASE(a_token_that_was_taken_for_nothing_comes_back) {
    const auto now = token_bucket::clock::now();
    finpost::detail::admission door(100, 0, 2);
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(!door.accept_at(now).has_value());
        door.accepted_nobody();
    }
    for (int i = 0; i < 2; ++i) BOOST_TEST(!door.accept_at(now).has_value());
    BOOST_TEST(door.accept_at(now).has_value());
}

BOOST_AUTO_TEST_CASE(no_rate_is_no_limit) {
    token_bucket bucket(0);
    for (int i = 0; i < 1000; ++i) BOOST_TEST(!bucket.take({}));
}

BOOST_AUTO_TEST_SUITE_END()
