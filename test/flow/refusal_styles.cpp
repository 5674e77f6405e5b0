// What a client gets in place of an answer.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;

namespace {

struct failing_gateway : gateway_fixture {
    failing_gateway() { upstream.by_default(scripted_upstream::echo(500)); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(refusal_styles, failing_gateway)

BOOST_AUTO_TEST_CASE(a_line_with_the_reason_and_the_requests_identifier) {
    start();
    const auto got = exchange("x");
    BOOST_TEST(got.bytes == "finpost: upstream_status " +
                                upstream.requests().at(0).field("X-Request-Id") + "\n");
    BOOST_TEST((got.how == raw_client::ending::fin));
}

BOOST_AUTO_TEST_CASE(nothing_but_the_end) {
    config.on_refusal = refusal_style::close;
    start();
    const auto got = exchange("x");
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(refused(reason::upstream_status) == 1u);
    BOOST_TEST(access_line().at("reason") == "upstream_status");
}

BOOST_AUTO_TEST_CASE(a_reset) {
    config.on_refusal = refusal_style::reset;
    start();
    const auto got = exchange("x");
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(refused(reason::upstream_status) == 1u);
}

BOOST_AUTO_TEST_CASE(the_same_for_a_client_that_is_still_sending) {
    config.max_payload = 1000;
    config.on_refusal = refusal_style::close;
    start();
    raw_client client = connect();
    client.send(some_bytes(3'000'000));
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(refused(reason::too_large) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
