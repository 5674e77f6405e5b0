#include "log/repeat_limit.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

using limit = finpost::repeat_limit;
using verdict = limit::verdict;

const limit::clock::time_point start{1h};

// What was reported, as text: "accept failed 3, ".
std::string text(const std::vector<limit::left_out>& all) {
    std::string out;
    for (const auto& one : all) out += one.event + ' ' + std::to_string(one.count) + ", ";
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(repeat_limit)

BOOST_AUTO_TEST_CASE(so_many_a_second_are_written_and_the_rest_is_counted) {
    limit two(2);
    BOOST_TEST((two.judge(log_level::error, "e", start) == verdict::write));
    BOOST_TEST((two.judge(log_level::error, "e", start + 999ms) == verdict::write));
    BOOST_TEST(!two.due().has_value());
    BOOST_TEST((two.judge(log_level::error, "e", start + 999ms) == verdict::first_left_out));
    BOOST_TEST((two.judge(log_level::error, "e", start + 999ms) == verdict::leave_out));
    BOOST_TEST((two.due() == start + 1s));
    BOOST_TEST(text(two.report(start + 999ms)) == "");
    BOOST_TEST(text(two.report(start + 1s)) == "e 2, ");
    BOOST_TEST(text(two.report(start + 2s)) == "");
    BOOST_TEST((two.judge(log_level::error, "e", start + 2s) == verdict::write));
}

BOOST_AUTO_TEST_CASE(events_and_levels_have_a_count_each) {
    limit one(1);
    for (const char* event : {"a", "b"}) {
        for (const log_level level : {log_level::info, log_level::error}) {
            BOOST_TEST((one.judge(level, event, start) == verdict::write));
            BOOST_TEST((one.judge(level, event, start) != verdict::write));
        }
    }
    const auto all = one.report(std::nullopt);
    BOOST_TEST(text(all) == "a 1, a 1, b 1, b 1, ");
    BOOST_TEST((all[0].level == log_level::info));
    BOOST_TEST((all[1].level == log_level::error));
}

BOOST_AUTO_TEST_CASE(what_is_not_reported_yet_goes_on_being_counted) {
    limit one(1);
    one.judge(log_level::error, "e", start);
    one.judge(log_level::error, "e", start);
    // Nobody has come to report: the next second does not begin silently.
    BOOST_TEST((one.judge(log_level::error, "e", start + 5s) == verdict::leave_out));
    BOOST_TEST(text(one.report(start + 5s)) == "e 2, ");
    BOOST_TEST((one.judge(log_level::error, "e", start + 5s) == verdict::write));
}

BOOST_AUTO_TEST_CASE(access_lines_and_what_debug_shows_are_exempt) {
    limit none(0);
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST((none.judge(log_level::info, "exchange", start) == verdict::write));
        BOOST_TEST((none.judge(log_level::debug, "accepted", start) == verdict::write));
    }
    BOOST_TEST((none.judge(log_level::info, "ready", start) == verdict::first_left_out));
}

BOOST_AUTO_TEST_SUITE_END()
