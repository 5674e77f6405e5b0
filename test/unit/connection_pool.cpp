#include "upstream/connection_pool.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>

using namespace finpost;
using namespace finpost::detail;
using namespace std::chrono_literals;

namespace {

// Stands for a socket: a number, alive as long as it is open.
using connection = std::shared_ptr<int>;
using pool_type = connection_pool<connection>;
using clock_type = pool_type::clock;

struct fixture {
    gauge busy, idle;
    clock_type::time_point now{std::chrono::hours(1)};
    boost::asio::io_context unused; // waiters need an executor; nothing runs on it here

    pool_type make(std::size_t most, std::size_t endpoints = 1) {
        return pool_type(endpoints, most, 4s, busy, idle);
    }
};

// Takes the right to make a connection and makes it.
pool_type::lease opened(pool_type& pool, std::size_t endpoint, clock_type::time_point now, int id) {
    auto lease = pool.take(endpoint, now);
    BOOST_REQUIRE(lease.has_value());
    BOOST_REQUIRE(lease->connection() == nullptr);
    lease->made(std::make_shared<int>(id));
    return std::move(*lease);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(connection_pool, fixture)

BOOST_AUTO_TEST_CASE(the_connection_used_last_is_taken_first) {
    auto pool = make(10);
    {
        auto a = opened(pool, 0, now, 1);
        auto b = opened(pool, 0, now, 2);
        BOOST_TEST(busy.value() == 2);
        a.release_idle(now);
        b.release_idle(now);
    }
    BOOST_TEST(busy.value() == 0);
    BOOST_TEST(idle.value() == 2);
    auto lease = pool.take(0, now);
    BOOST_REQUIRE(lease->connection() != nullptr);
    BOOST_TEST(**lease->connection() == 2);
    BOOST_TEST(lease->reused());
}

BOOST_AUTO_TEST_CASE(a_lease_that_keeps_nothing_closes_its_connection) {
    auto pool = make(1);
    std::weak_ptr<int> watched;
    {
        auto lease = opened(pool, 0, now, 1);
        watched = *lease.connection();
        BOOST_TEST(!watched.expired());
        BOOST_TEST(!pool.take(0, now).has_value());
    }
    BOOST_TEST(watched.expired());
    BOOST_TEST(pool.take(0, now).has_value());
    BOOST_TEST(busy.value() == 0);
}

BOOST_AUTO_TEST_CASE(no_more_connections_than_allowed) {
    auto pool = make(2);
    auto a = opened(pool, 0, now, 1);
    auto b = opened(pool, 0, now, 2);
    BOOST_TEST(!pool.take(0, now).has_value());
    BOOST_TEST((pool.join_unless_free(unused.get_executor()) != nullptr));
    a.release_idle(now);
    BOOST_TEST((pool.join_unless_free(unused.get_executor()) == nullptr));
    BOOST_TEST(pool.take(0, now).has_value());
}

BOOST_AUTO_TEST_CASE(an_idle_connection_of_another_endpoint_makes_room) {
    auto pool = make(1, 2);
    std::weak_ptr<int> watched;
    {
        auto lease = opened(pool, 0, now, 1);
        watched = *lease.connection();
        lease.release_idle(now);
    }
    BOOST_TEST(!watched.expired());
    auto other = pool.take(1, now);
    BOOST_REQUIRE(other.has_value());
    BOOST_TEST((other->connection() == nullptr));
    BOOST_TEST(watched.expired());
}

BOOST_AUTO_TEST_CASE(what_was_idle_too_long_is_not_used_and_is_swept) {
    auto pool = make(2);
    std::weak_ptr<int> watched;
    {
        auto lease = opened(pool, 0, now, 1);
        watched = *lease.connection();
        lease.release_idle(now);
    }
    const auto due = pool.sweep(now + 1s);
    BOOST_REQUIRE(due.has_value());
    BOOST_TEST((*due == now + 4s));
    BOOST_TEST((pool.take(0, now + 4s)->connection() == nullptr));
    BOOST_TEST(!watched.expired());
    BOOST_TEST(!pool.sweep(now + 4s).has_value());
    BOOST_TEST(watched.expired());
    BOOST_TEST(idle.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_connection_that_failed_can_be_made_again_within_the_lease) {
    auto pool = make(1);
    auto lease = opened(pool, 0, now, 1);
    lease.drop();
    BOOST_TEST((lease.connection() == nullptr));
    lease.made(std::make_shared<int>(2));
    lease.release_idle(now);
    BOOST_TEST(**pool.take(0, now)->connection() == 2);
}

BOOST_AUTO_TEST_CASE(a_closed_pool_keeps_nothing) {
    auto pool = make(2);
    auto used = opened(pool, 0, now, 1);
    {
        auto lease = opened(pool, 0, now, 2);
        lease.release_idle(now);
    }
    pool.close();
    BOOST_TEST(idle.value() == 0);
    std::weak_ptr<int> watched = *used.connection();
    used.release_idle(now);
    BOOST_TEST(watched.expired());
    BOOST_TEST(busy.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_connection_that_is_not_wanted_any_more_is_not_taken_again) {
    auto pool = make(10, 2);
    {
        auto a = opened(pool, 0, now, 1);
        auto b = opened(pool, 0, now, 2);
        auto of_another = opened(pool, 1, now, 1);
        a.release_idle(now);
        b.release_idle(now);
        of_another.release_idle(now);
    }
    auto two = pool.take(0, now);
    auto in_use = pool.take(0, now);
    BOOST_REQUIRE((two->connection() != nullptr && **in_use->connection() == 1));
    two->release_idle(now);
    pool.restrict(0, [](const connection& one) { return *one == 2; });
    BOOST_TEST(idle.value() == 2); // 2, and the one of the other endpoint
    in_use->release_idle(now);
    BOOST_TEST(idle.value() == 2);
    auto left = pool.take(0, now);
    BOOST_REQUIRE(left->connection() != nullptr);
    BOOST_TEST(**left->connection() == 2);
    BOOST_TEST(pool.take(0, now)->connection() == nullptr);
    left->release_idle(now);
    BOOST_TEST(idle.value() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
