// The HTTP request an upstream sees.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <regex>
#include <set>

using namespace finpost;
using namespace finpost::test;

BOOST_FIXTURE_TEST_SUITE(post_request, gateway_fixture)

BOOST_AUTO_TEST_CASE(it_carries_the_fields_that_services_rely_on) {
    service.endpoints = {upstream.url("/in/box?from=tcp")};
    service.content_type = "text/plain; charset=utf-8";
    start();
    raw_client client = connect();
    const std::string from = to_string(client.local());
    client.send("hello").half_close();
    BOOST_TEST(client.read_to_end().bytes == "hello");

    const auto seen = upstream.requests().at(0);
    BOOST_TEST(seen.request_line() == "POST /in/box?from=tcp HTTP/1.1");
    BOOST_TEST(seen.field("Host") == to_string(upstream.address()));
    BOOST_TEST(seen.field("Content-Length") == "5");
    BOOST_TEST(seen.field("Content-Type") == "text/plain; charset=utf-8");
    BOOST_TEST(std::regex_match(seen.field("User-Agent"), std::regex("finpost/[0-9]+\\.[0-9.]+")));
    const std::string id = seen.field("X-Request-Id");
    BOOST_TEST(std::regex_match(
        id, std::regex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")));
    BOOST_TEST(seen.field("Idempotency-Key") == id);
    BOOST_TEST(std::regex_match(seen.field("traceparent"),
                                std::regex("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]")));
    BOOST_TEST(seen.field("Forwarded") ==
               "for=\"" + from + "\";by=\"" + to_string(address()) + "\";proto=tcp");
    BOOST_TEST(seen.field("X-Forwarded-For") == "127.0.0.1");
    for (const char* const name : {"Host", "Content-Length", "Content-Type", "X-Request-Id",
                                   "Idempotency-Key", "traceparent", "Forwarded"})
        BOOST_TEST(seen.count(name) == 1u);
    BOOST_TEST(seen.count("Transfer-Encoding") == 0u);
    BOOST_TEST(seen.count("Expect") == 0u);
    BOOST_TEST(access_line().at("id") == id);
}

BOOST_AUTO_TEST_CASE(every_exchange_has_an_identifier_of_its_own) {
    start();
    for (int i = 0; i < 50; ++i) BOOST_TEST(exchange("x").bytes == "x");
    std::set<std::string> ids, traces;
    for (const auto& seen : upstream.requests()) {
        ids.insert(seen.field("X-Request-Id"));
        traces.insert(seen.field("traceparent"));
    }
    BOOST_TEST(ids.size() == 50u);
    BOOST_TEST(traces.size() == 50u);
}

BOOST_AUTO_TEST_SUITE_END()
