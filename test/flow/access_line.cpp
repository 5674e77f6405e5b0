// What the log says of an exchange.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace finpost;
using namespace finpost::test;

BOOST_FIXTURE_TEST_SUITE(access_line, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_line_has_all_that_is_to_be_known) {
    upstream.by_default(scripted_upstream::raw(response(202, "twelve bytes")));
    start();
    raw_client client = connect();
    const std::string from = to_string(client.local());
    client.send("hello").half_close();
    BOOST_TEST(client.read_to_end().bytes == "twelve bytes");
    const auto line = gateway_fixture::access_line(); // there already: it is written before the end
    BOOST_TEST((line.level == log_level::info));
    BOOST_TEST(line.at("id") == upstream.requests().at(0).field("X-Request-Id"));
    BOOST_TEST(line.at("peer") == from);
    BOOST_TEST(line.at("bytes_in") == "5");
    BOOST_TEST(line.at("bytes_out") == "12");
    BOOST_TEST(line.at("outcome") == "replied");
    BOOST_TEST(line.at("reason") == "");
    BOOST_TEST(line.at("upstream") == to_string(upstream.address()));
    BOOST_TEST(line.at("status") == "202");
    BOOST_TEST(line.at("client_gone") == "false");
    for (const char* const stage : {"receive_ms", "upstream_ms", "reply_ms"})
        BOOST_TEST(line.number(stage) >= 0);
    std::set<std::string> names;
    for (const auto& [name, value] : line.fields) names.insert(name);
    BOOST_TEST(names.size() == 12u); // no trace_id: nothing is sampled
    BOOST_TEST(upstream.requests().at(0).field("traceparent").ends_with("-00"));
    BOOST_TEST(counters.payload_bytes.value() == 5u);
    BOOST_TEST(counters.reply_bytes.value() == 12u);
}

BOOST_AUTO_TEST_CASE(a_sampled_exchange_is_found_by_the_trace_the_service_was_told) {
    config.trace_sampled = 1;
    upstream.on(2, scripted_upstream::echo(500));
    start();
    BOOST_TEST(exchange("hello").bytes == "hello");
    expect_refusal(exchange("x"), reason::upstream_status);
    for (std::size_t i = 0; i < 2; ++i) {
        const std::string trace = upstream.requests().at(i).field("traceparent");
        BOOST_TEST(trace.size() == 55u);
        BOOST_TEST(trace.ends_with("-01"), trace);
        BOOST_TEST(gateway_fixture::access_line(i + 1).at("trace_id") == trace.substr(3, 32));
    }
}

BOOST_AUTO_TEST_CASE(the_accepted_connection_as_the_socket_sees_it) {
    start();
    raw_client client = connect();
    BOOST_TEST(log.wait_for("accepted"));
    const auto line = log.of("accepted").at(0);
    BOOST_TEST((line.level == log_level::debug));
    BOOST_TEST(line.at("family") == "AF_INET");
    BOOST_TEST(line.at("type") == "SOCK_STREAM");
    BOOST_TEST(line.at("local") == to_string(address()));
    BOOST_TEST(line.at("remote") == to_string(client.local()));
}

BOOST_AUTO_TEST_CASE(only_refused_exchanges_where_that_is_wanted) {
    config.access_log = access_log::refused;
    upstream.on(2, scripted_upstream::echo(500));
    start();
    BOOST_TEST(exchange("fine").bytes == "fine");
    expect_refusal(exchange("x"), reason::upstream_status);
    BOOST_TEST(log.count("exchange") == 1u);
}

BOOST_AUTO_TEST_CASE(no_line_where_that_is_wanted) {
    config.access_log = access_log::off;
    upstream.on(2, scripted_upstream::echo(500));
    start();
    BOOST_TEST(exchange("fine").bytes == "fine");
    BOOST_TEST(refusal_reason(exchange("x").bytes) == "upstream_status");
    auto drained = drain(duration(10'000));
    BOOST_TEST(completes(drained));
    BOOST_TEST(log.count("exchange") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
