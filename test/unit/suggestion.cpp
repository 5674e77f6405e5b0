#include "finpost/suggestion.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(suggestion)

BOOST_AUTO_TEST_CASE(the_nearest_word_is_suggested_and_nothing_far_away) {
    const std::vector<std::string> known{"send", "probe", "load"};
    BOOST_TEST(finpost::suggestion("sned", {"send"}) == "");
    BOOST_TEST(finpost::suggestion("sen", known) == ": did you mean send?");
    BOOST_TEST(finpost::suggestion("PROBE", known) == ": did you mean probe?");
    BOOST_TEST(finpost::suggestion("laod", {"load", "loads"}) == "");
    BOOST_TEST(finpost::suggestion("fetch", known) == "");
    BOOST_TEST(finpost::suggestion("", known) == "");
    BOOST_TEST(finpost::suggestion("send", {}) == "");
    BOOST_TEST(finpost::suggestion(std::string(10'000, 'x'), known) == "");
}

BOOST_AUTO_TEST_SUITE_END()
