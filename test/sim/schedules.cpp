// Drawn schedules: what nobody thought of. `test_sim --count 1000000 --jobs 2` runs as many as one
// likes.
#include "sim/many.hpp"
#include "sim/shrink.hpp"

#include <boost/test/unit_test.hpp>

#include <sstream>
#include <string>

using namespace finpost::sim;

BOOST_AUTO_TEST_SUITE(schedules)

BOOST_AUTO_TEST_CASE(all_invariants_hold) {
    many_options how;
    how.count = FINPOST_SCHEDULES;
    how.jobs = 2;
    const totals all = run_many(how);
    BOOST_TEST_MESSAGE(text_of(all));
    BOOST_TEST(all.schedules == how.count);
    BOOST_TEST(all.failed == 0u);
    BOOST_TEST(all.another_hash == 0u);
    // What never came shows nothing.
    for (const seen_thing& one : seen_things(all))
        BOOST_TEST(one.times > 0u, one.group << ": " << one.name << " never came");
    BOOST_TEST(all.retries > 0u);
}

BOOST_AUTO_TEST_CASE(a_plan_is_read_as_it_was_printed) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        std::ostringstream first, second;
        print(first, draw(seed));
        std::istringstream again(first.str());
        print(second, read_plan(again));
        BOOST_TEST(first.str() == second.str());
    }
}

BOOST_AUTO_TEST_CASE(a_wrong_plan_is_refused) {
    std::istringstream unknown("plan dice=3\nrules lopps=3\n");
    BOOST_CHECK_EXCEPTION(read_plan(unknown), std::invalid_argument, [](const std::exception& e) {
        return std::string(e.what()).find("lopps=3") != std::string::npos;
    });
    std::istringstream orphan("first cut_at=3\n");
    BOOST_CHECK_THROW(read_plan(orphan), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
