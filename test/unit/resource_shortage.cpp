#include "policy/resource_shortage.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

using namespace finpost;
using namespace finpost::detail;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(resource_shortage)

BOOST_AUTO_TEST_CASE(it_begins_once_and_ends_once_however_often_it_is_met) {
    finpost::detail::resource_shortage of;
    const auto now = finpost::detail::resource_shortage::clock::now();
    BOOST_TEST(!of.over(now).has_value());
    BOOST_TEST(!of.is_on());
    BOOST_TEST(of.met(now));
    BOOST_TEST(of.is_on());
    BOOST_TEST(!of.met(now + 1s));
    of.refused();
    of.refused();
    const auto was = of.over(now + 3s);
    BOOST_REQUIRE(was.has_value());
    BOOST_TEST((was->lasted == 3s));
    BOOST_TEST(was->refused == 2);
    BOOST_TEST(!of.is_on());
    BOOST_TEST(!of.over(now + 4s).has_value());
    // The next one counts from its own beginning.
    BOOST_TEST(of.met(now + 5s));
    BOOST_TEST(of.over(now + 6s)->refused == 0);
}

BOOST_AUTO_TEST_CASE(only_while_it_is_on_they_take_turns) {
    finpost::detail::resource_shortage of;
    BOOST_TEST(!of.lock().owns_lock());
    of.met(finpost::detail::resource_shortage::clock::now());
    auto lock = of.lock();
    BOOST_REQUIRE(lock.owns_lock());
    std::promise<void> begun;
    auto other = std::async(std::launch::async, [&] {
        begun.set_value();
        return of.lock().owns_lock();
    });
    begun.get_future().wait();
    // Nothing but the lock keeps it so long.
    BOOST_TEST((other.wait_for(100ms) == std::future_status::timeout));
    lock.unlock();
    BOOST_TEST(other.get());
}

BOOST_AUTO_TEST_SUITE_END()
