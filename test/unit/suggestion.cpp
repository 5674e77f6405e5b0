#include "suggestion.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::detail;

BOOST_AUTO_TEST_SUITE(suggestion)

BOOST_AUTO_TEST_CASE(the_nearest_word_is_suggested_and_nothing_far_away) {
    const std::vector<std::string> known{"send", "probe", "load"};
    BOOST_TEST(finpost::detail::suggestion("sned", {"send"}) == "");
    BOOST_TEST(finpost::detail::suggestion("sen", known) == ": did you mean send?");
    BOOST_TEST(finpost::detail::suggestion("PROBE", known) == ": did you mean probe?");
    BOOST_TEST(finpost::detail::suggestion("laod", {"load", "loads"}) == "");
    BOOST_TEST(finpost::detail::suggestion("fetch", known) == "");
    BOOST_TEST(finpost::detail::suggestion("", known) == "");
    BOOST_TEST(finpost::detail::suggestion("send", {}) == "");
    BOOST_TEST(finpost::detail::suggestion(std::string(10'000, 'x'), known) == "");
}

BOOST_AUTO_TEST_CASE(an_unknown_word_is_told_which_words_there_are) {
    const auto message = [](std::string_view word, std::vector<std::string_view> known) {
        return unknown_word(word, known).message;
    };
    BOOST_TEST(message("x", {"none"}) == "\"x\": expected none");
    BOOST_TEST(message("bsae64", {"none", "base64"}) ==
               "\"bsae64\": expected none or base64: did you mean base64?");
    BOOST_TEST(message("x\n", {"a", "b", "c"}).starts_with("\"x\\x0a\": expected a, b or c"));
}

BOOST_AUTO_TEST_SUITE_END()
