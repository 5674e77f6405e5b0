#include "loops_alive.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <thread>

namespace asio = boost::asio;
using finpost::event_loops;
using namespace std::chrono_literals;

namespace {

// Three loops, each run by hand.
struct fixture {
    asio::io_context first, second, third;
    int said = 0;
    finpost::loops_alive alive{event_loops::per_thread({first.get_executor(), second.get_executor(),
                                                        third.get_executor()}),
                               1ms, [this] { said += 1; }};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(loops_alive, fixture)

BOOST_AUTO_TEST_CASE(it_is_said_when_the_last_loop_has_run) {
    first.run_one();
    third.run_one();
    BOOST_TEST(said == 0);
    second.run_one();
    BOOST_TEST(said == 1);
    second.run_one();
    first.run_one();
    BOOST_TEST(said == 1);
    third.run_one();
    BOOST_TEST(said == 2);
}

BOOST_AUTO_TEST_CASE(one_that_is_stuck_makes_it_fall_silent_until_it_goes_on) {
    first.run_for(20ms);
    second.run_for(20ms);
    first.run_for(20ms);
    BOOST_TEST(said == 0); // however often the others have run
    third.run_one();
    BOOST_TEST(said == 1);
}

BOOST_AUTO_TEST_CASE(a_loop_is_stuck_as_long_as_one_of_its_handlers_runs) {
    int before = -1, after = -1;
    third.run_one();
    asio::post(third, [&] {
        before = said;
        for (int i = 0; i < 3; ++i) {
            first.run_one();
            second.run_one();
        }
        after = said;
    });
    third.run_one(); // the handler, since the next time has not come
    if (after < 0) third.run_one();
    BOOST_TEST(before == 0);
    BOOST_TEST(after <= 1); // by what the third had run before
    const int held = said;
    third.run_one();
    first.run_one();
    second.run_one();
    BOOST_TEST(said > held);
}

BOOST_AUTO_TEST_CASE(threads_may_run_them_and_nothing_is_said_after_its_end) {
    std::atomic<int> times{0};
    asio::io_context one, other;
    {
        const auto loops = event_loops::per_thread({one.get_executor(), other.get_executor()});
        finpost::loops_alive both(loops, 1ms, [&] { ++times; });
        std::thread thread([&] { one.run_for(100ms); });
        other.run_for(100ms);
        thread.join();
        BOOST_TEST(times > 2);
    }
    const int held = times;
    one.restart();
    other.restart();
    one.run_for(20ms);
    other.run_for(20ms);
    BOOST_TEST(times == held);
}

BOOST_AUTO_TEST_SUITE_END()
