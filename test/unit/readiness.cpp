#include "admin/readiness.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace std::chrono_literals;
using finpost::for_how_long;
using status = finpost::http_upstream::endpoint_status;

namespace {

const std::chrono::steady_clock::time_point now{std::chrono::hours(100)};

status down(std::string endpoint, std::string cause, std::chrono::seconds age) {
    status one;
    one.endpoint = std::move(endpoint);
    one.up = one.usable = false;
    one.cause = std::move(cause);
    one.since = now - age;
    return one;
}

} // namespace

BOOST_AUTO_TEST_SUITE(readiness)

BOOST_AUTO_TEST_CASE(an_age_has_its_two_largest_units) {
    BOOST_TEST(for_how_long(-1s) == "0 s");
    BOOST_TEST(for_how_long(999ms) == "0 s");
    BOOST_TEST(for_how_long(59s) == "59 s");
    BOOST_TEST(for_how_long(60s) == "1 m 0 s");
    BOOST_TEST(for_how_long(130s) == "2 m 10 s");
    BOOST_TEST(for_how_long(3h + 5min + 59s) == "3 h 5 m");
    BOOST_TEST(for_how_long(24h * 400 + 7h) == "400 d 7 h");
}

BOOST_AUTO_TEST_CASE(each_endpoint_is_named_with_its_cause_and_for_how_long) {
    const std::vector all{down("10.0.0.5:3000", "Connection refused", 130s),
                          down("[fd00::1]:80", "", 3s)};
    BOOST_TEST(finpost::no_usable_endpoint(all, now) ==
               "10.0.0.5:3000: Connection refused, for 2 m 10 s; "
               "[fd00::1]:80: not reached yet, for 3 s");
}

BOOST_AUTO_TEST_CASE(one_that_can_be_used_is_enough) {
    std::vector all{down("10.0.0.5:3000", "Connection refused", 130s),
                    down("10.0.0.6:3000", "", 0s)};
    all[1].usable = true; // not up, but worth an exchange
    BOOST_TEST(finpost::no_usable_endpoint(all, now).empty());
}

BOOST_AUTO_TEST_SUITE_END()
