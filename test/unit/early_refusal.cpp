#include "early_refusal.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::detail;

namespace {

// What the client is told, and how its connection ends then.
struct ending {
    outcome::farewell told;
    outcome::ending how;
    friend bool operator==(const ending&, const ending&) = default;
};

ending end(reason why, refusal_style style, bool tls) {
    gateway_config config;
    config.on_refusal = style;
    outcome result = outcome_of_early_refusal(why, config, tls);
    BOOST_TEST((result.is() == outcome::kind::refused));
    BOOST_TEST((result.why() == why));
    const auto told = result.say(true, false);
    if (told == outcome::farewell::line) result.farewell_sent(true);
    return {told, result.end()};
}

constexpr ending reset{outcome::farewell::nothing, outcome::ending::reset};
constexpr ending line{outcome::farewell::line, outcome::ending::fin};

} // namespace

BOOST_AUTO_TEST_SUITE(early_refusal)

BOOST_AUTO_TEST_CASE(a_line_goes_to_a_client_that_understands_it_and_is_not_denied) {
    BOOST_TEST((end(reason::busy, refusal_style::line, false) == line));
    // A client that waits for TLS understands no line. One that is denied is told nothing. A FIN
    // would be an empty reply for both.
    BOOST_TEST((end(reason::busy, refusal_style::line, true) == reset));
    BOOST_TEST((end(reason::denied, refusal_style::line, false) == reset));
    BOOST_TEST((end(reason::denied, refusal_style::line, true) == reset));
}

BOOST_AUTO_TEST_CASE(a_part_of_a_line_ends_in_a_reset) {
    const gateway_config config;
    outcome result = outcome_of_early_refusal(reason::busy, config, false);
    BOOST_TEST((result.end() == outcome::ending::reset)); // of nothing, too
    result.farewell_sent(false);
    BOOST_TEST((result.end() == outcome::ending::reset));
}

BOOST_AUTO_TEST_CASE(a_fin_and_a_reset_where_they_were_asked_for) {
    for (const reason why : {reason::busy, reason::denied}) {
        for (const bool tls : {false, true}) {
            BOOST_TEST((end(why, refusal_style::close, tls).how == outcome::ending::fin));
            BOOST_TEST((end(why, refusal_style::reset, tls) == reset));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
