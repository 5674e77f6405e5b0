#include "early_refusal.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;

namespace {

early_ending ending(reason why, refusal_style style, bool tls) {
    return ending_of_early_refusal(why, style, tls);
}

} // namespace

BOOST_AUTO_TEST_SUITE(early_refusal)

BOOST_AUTO_TEST_CASE(who_is_told_something_gets_a_line_and_nobody_else) {
    BOOST_TEST((ending(reason::busy, refusal_style::line, false) == early_ending::line));
    // A client that waits for TLS understands no line, and nobody talks to one that is denied. A
    // FIN would be an empty reply.
    BOOST_TEST((ending(reason::busy, refusal_style::line, true) == early_ending::reset));
    BOOST_TEST((ending(reason::denied, refusal_style::line, false) == early_ending::reset));
    BOOST_TEST((ending(reason::denied, refusal_style::line, true) == early_ending::reset));
}

BOOST_AUTO_TEST_CASE(a_fin_where_that_was_asked_for_and_a_reset_where_that_was) {
    for (const reason why : {reason::busy, reason::denied}) {
        for (const bool tls : {false, true}) {
            BOOST_TEST((ending(why, refusal_style::close, tls) == early_ending::fin));
            BOOST_TEST((ending(why, refusal_style::reset, tls) == early_ending::reset));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
