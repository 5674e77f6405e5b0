// FIN means complete, RST means abort.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;

BOOST_FIXTURE_TEST_SUITE(client_reset, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_payload_cut_by_a_reset_is_never_forwarded) {
    start();
    std::size_t n = 0;
    for (const std::size_t size : {1u, 5000u, 400'000u}) {
        connect().send(some_bytes(size)).reset();
        const auto line = access_line(++n);
        BOOST_TEST(line.at("outcome") == "aborted");
        BOOST_TEST(line.at("reason") == "aborted_read");
    }
    BOOST_TEST(counters.aborted.value() == n);
    BOOST_TEST(upstream.connections() == 0u);
    BOOST_TEST(exchange("still fine").bytes == "still fine");
}

BOOST_AUTO_TEST_CASE(a_reset_while_the_gateway_waits_for_more) {
    start();
    raw_client client = connect();
    client.send("half");
    BOOST_TEST(log.wait_for("accepted"));
    client.reset();
    BOOST_TEST(access_line().at("outcome") == "aborted");
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(after_the_end_of_the_payload_the_post_is_finished_all_the_same) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    raw_client client = connect();
    client.send("deliver me").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    upstream.open_gate();
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "aborted");
    BOOST_TEST(line.at("reason") == "aborted_reply");
    BOOST_TEST(line.at("client_gone") == "true");
    BOOST_TEST(line.at("status") == "200");
    BOOST_TEST(counters.client_gone.value() == 1u);
    BOOST_TEST(counters.aborted.value() == 1u);
    BOOST_TEST(upstream.complete() == 1u);
    BOOST_TEST(counters.upstream_idle.value() == 1); // the connection is as good as before
}

BOOST_AUTO_TEST_CASE(or_cancelled_where_that_is_wanted) {
    config.on_client_reset = client_reset_policy::cancel;
    upstream.by_default(scripted_upstream::never());
    start();
    raw_client client = connect();
    client.send("never mind").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "aborted");
    BOOST_TEST(line.at("reason") == "aborted_handle");
    BOOST_TEST(line.at("client_gone") == "true");
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST(counters.aborted.value() == 1u);
    BOOST_TEST(counters.client_gone.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_waits_is_not_taken_for_one_that_has_gone) {
    config.on_client_reset = client_reset_policy::cancel;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    raw_client client = connect();
    client.send("patience").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    upstream.open_gate();
    BOOST_TEST(client.read_to_end().bytes == "patience");
    BOOST_TEST(counters.client_gone.value() == 0u);
    BOOST_TEST(access_line().at("client_gone") == "false");
}

BOOST_AUTO_TEST_SUITE_END()
