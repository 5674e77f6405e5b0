#include "policy/buffer_budget.hpp"

#include "finpost/metrics.hpp"
#include "finpost/payload.hpp"

#include <boost/test/unit_test.hpp>

#include <utility>

using namespace finpost;
using namespace finpost::detail;

BOOST_AUTO_TEST_SUITE(buffer_budget)

BOOST_AUTO_TEST_CASE(takes_to_the_limit_and_not_beyond) {
    gauge used;
    finpost::detail::buffer_budget budget(100, used);
    BOOST_TEST(budget.try_take(60));
    BOOST_TEST(!budget.try_take(41));
    BOOST_TEST(used.value() == 60);
    BOOST_TEST(budget.try_take(40));
    budget.give_back(100);
    BOOST_TEST(used.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_release_wakes_each_waiter_once) {
    gauge used;
    finpost::detail::buffer_budget budget(100, used);
    int woken = 0;
    BOOST_TEST(budget.try_take(100));
    budget.on_release([&] { ++woken; });
    budget.on_release([&] { ++woken; });
    BOOST_TEST(woken == 0);
    budget.give_back(50);
    BOOST_TEST(woken == 2);
    budget.give_back(50);
    BOOST_TEST(woken == 2);
}

BOOST_AUTO_TEST_CASE(payloads_hold_what_they_took) {
    gauge used;
    finpost::detail::buffer_budget budget(10'000, used);
    {
        payload bytes(&budget);
        BOOST_TEST(bytes.reserve(4'000));
        BOOST_TEST(used.value() >= 4'000);
        payload other(&budget);
        BOOST_TEST(!other.reserve(9'000));
    }
    BOOST_TEST(used.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_little_beyond_the_limit_is_counted_and_comes_back) {
    gauge used;
    finpost::detail::buffer_budget budget(10'000, used);
    BOOST_TEST(budget.try_take(10'000));
    {
        payload bytes(&budget);
        BOOST_TEST(!bytes.reserve(2'000));
        budget.overdraw(bytes, 2'000);
        BOOST_TEST(bytes.writable().size() >= 2'000u);
        BOOST_TEST(used.value() == 10'000 + static_cast<std::int64_t>(bytes.capacity()));
        BOOST_TEST(!bytes.reserve(8'000)); // and no further
    }
    BOOST_TEST(used.value() == 10'000);
    budget.give_back(10'000);
}

// In all of what follows: a budget of 800 bytes of which payloads of 300 grow in a queue, so an
// eighth is 100.
namespace {

struct line {
    struct member {
        explicit member(line& all) : bytes(&all.budget), place(all.budget, bytes, 300) {
            place.join();
        }
        // What wait_for_buffer does, without the waiting.
        bool asks(std::size_t n) {
            if (place.try_take(n)) return held += n, true;
            place.on_release([this] { ++woken; });
            return false;
        }
        void gives_back() { place.give_back(std::exchange(held, 0)); }

        payload bytes;
        growth_ticket place;
        std::size_t held = 0;
        int woken = 0;
    };

    gauge used;
    finpost::detail::buffer_budget budget{800, used};
    member first{*this};
};

} // namespace

BOOST_FIXTURE_TEST_CASE(the_first_in_line_can_always_be_finished, line) {
    member second(*this), third(*this);
    BOOST_TEST(second.asks(300));
    BOOST_TEST(!third.asks(200)); // 300 for the first, 100 for small ones, 300 taken
    BOOST_TEST(third.asks(100));
    BOOST_TEST(budget.try_take(100)); // a small one
    BOOST_TEST(!budget.try_take(1));
    BOOST_TEST(first.asks(300));
    BOOST_TEST(used.value() == 800);
    for (member* one : {&first, &second, &third}) one->gives_back();
    budget.give_back(100);
    BOOST_TEST(used.value() == 0);
}

BOOST_FIXTURE_TEST_CASE(when_the_first_is_done_the_next_can_be_finished, line) {
    member second(*this), third(*this);
    BOOST_TEST(second.asks(200));
    BOOST_TEST(third.asks(200));
    BOOST_TEST(first.asks(300));
    BOOST_TEST(!third.asks(100));
    BOOST_TEST(!second.asks(101));
    first.gives_back();
    first.place.leave();
    BOOST_TEST(second.asks(100));
    BOOST_TEST(third.asks(100));
    second.gives_back();
    third.gives_back();
}

BOOST_FIXTURE_TEST_CASE(waiters_are_woken_in_their_order_when_there_is_enough, line) {
    member second(*this), third(*this);
    BOOST_TEST(first.asks(300));
    BOOST_TEST(budget.try_take(400));
    BOOST_TEST(!second.asks(200));
    BOOST_TEST(!third.asks(50));
    budget.give_back(100);
    BOOST_TEST(second.woken + third.woken == 0); // not enough for the second, whose turn it is
    budget.give_back(100);
    BOOST_TEST((second.woken == 1 && third.woken == 0));
    BOOST_TEST(second.asks(150)); // and wakes the next
    BOOST_TEST(third.woken == 1);
    budget.give_back(200);
    first.gives_back();
    second.gives_back();
}

BOOST_FIXTURE_TEST_CASE(who_gives_up_wakes_the_next, line) {
    BOOST_TEST(first.asks(300));
    BOOST_TEST(budget.try_take(300));
    {
        member second(*this);
        BOOST_TEST(!second.asks(200));
        first.place.leave();
        BOOST_TEST(second.woken == 1); // as the first in the queue it may take everything
        first.place.join();
    }
    budget.give_back(300);
    first.gives_back();
}

BOOST_FIXTURE_TEST_CASE(what_was_taken_in_the_line_is_given_back_when_it_was_left, line) {
    payload one(&budget), two(&budget);
    {
        growth_ticket place(budget, one, 300, &two);
        place.join();
        BOOST_TEST(one.budget() == &place);
        BOOST_TEST(two.budget() == &place);
        payload third(&place);
        BOOST_TEST(place.try_take(50));
        place.leave();
        BOOST_TEST(one.budget() == &budget);
        BOOST_TEST(two.budget() == &budget);
        BOOST_TEST(place.try_take(10)); // as from the budget itself
        place.give_back(60);
    }
    BOOST_TEST(used.value() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_line_that_moves_can_be_told_from_one_that_stands, line) {
    const auto before = budget.moves();
    member second(*this);
    BOOST_TEST(second.asks(100));
    BOOST_TEST(budget.moves() == before);
    BOOST_TEST(first.asks(100));
    BOOST_TEST(budget.moves() > before);
    const auto then = budget.moves();
    second.gives_back();
    BOOST_TEST(budget.moves() > then);
    first.gives_back();
}

BOOST_FIXTURE_TEST_CASE(a_payload_takes_its_memory_along_into_the_line_and_out_of_it, line) {
    payload bytes(&budget);
    BOOST_TEST(bytes.reserve(100));
    const auto held = used.value();
    {
        growth_ticket place(budget, bytes, 5000);
        place.join();
        BOOST_TEST(bytes.budget() == &place);
        BOOST_TEST(used.value() == held);
    }
    BOOST_TEST(bytes.budget() == &budget);
    bytes = payload();
    BOOST_TEST(used.value() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
