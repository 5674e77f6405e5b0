// What an upstream may answer, and what the client gets of it.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;

BOOST_FIXTURE_TEST_SUITE(answers, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_chunked_answer_comes_back_as_its_bytes) {
    upstream.by_default(scripted_upstream::chunked_echo(7000));
    start();
    for (const std::size_t size : {1u, 7000u, 7001u, 1'000'000u}) {
        const std::string payload = some_bytes(size);
        const auto got = exchange(payload);
        BOOST_TEST((got.bytes == payload));
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
    BOOST_TEST(upstream.connections() == 1u); // such a connection is kept
}

BOOST_AUTO_TEST_CASE(an_answer_up_to_the_connections_end) {
    upstream.by_default(scripted_upstream::close_delimited_echo());
    start();
    for (const std::size_t size : {1u, 300'000u}) {
        const std::string payload = some_bytes(size);
        const auto got = exchange(payload);
        BOOST_TEST((got.bytes == payload));
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
    BOOST_TEST(upstream.connections() == 2u);
}

BOOST_AUTO_TEST_CASE(an_empty_answer_is_an_answer) {
    upstream.on(1, scripted_upstream::raw(response(200, "")));
    upstream.on(2, scripted_upstream::raw("HTTP/1.1 204 No Content\r\n\r\n"));
    start();
    for (int i = 0; i < 2; ++i) {
        const auto got = exchange("x");
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
    BOOST_TEST(counters.replied.value() == 2u);
    BOOST_TEST(access_line(2).at("status") == "204");
}

BOOST_AUTO_TEST_CASE(interim_answers_are_passed_over) {
    upstream.by_default(scripted_upstream::raw("HTTP/1.1 100 Continue\r\n\r\n"
                                               "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
                                               response(200, "final")));
    start();
    BOOST_TEST(exchange("x").bytes == "final");
    BOOST_TEST(access_line().at("status") == "200");
}

BOOST_AUTO_TEST_CASE(an_answer_of_http_1_0) {
    upstream.by_default(scripted_upstream::raw_then_fin("HTTP/1.0 200 OK\r\n\r\nold"));
    start();
    BOOST_TEST(exchange("x").bytes == "old");
}

BOOST_AUTO_TEST_CASE(an_answer_byte_by_byte) {
    upstream.by_default([](scripted_upstream::conversation& talk) {
        talk.read_body();
        for (const char& byte : response(200, "drip")) talk.send({&byte, 1});
    });
    start();
    BOOST_TEST(exchange("x").bytes == "drip");
}

BOOST_AUTO_TEST_CASE(an_early_refusal_of_a_large_payload_is_read) {
    service.on_status = status_policy::relay;
    upstream.by_default([](scripted_upstream::conversation& talk) {
        talk.send(response(413, "too much for me", "Connection: close\r\n"));
        talk.finish(); // reads on, so that the answer is not lost in a reset
    });
    start();
    BOOST_TEST(exchange(some_bytes(8'000'000)).bytes == "too much for me");
    BOOST_TEST(access_line().at("status") == "413");
}

BOOST_AUTO_TEST_CASE(error_statuses_are_refused) {
    upstream.by_default(scripted_upstream::echo(500));
    upstream.on(1, scripted_upstream::echo(404));
    start();
    expect_refusal(exchange("secret"), reason::upstream_status);
    expect_refusal(exchange("secret"), reason::upstream_status);
    BOOST_TEST(refused(reason::upstream_status) == 2u);
    BOOST_TEST(access_line(1).at("status") == "404");
    BOOST_TEST(access_line(2).at("status") == "500");
    BOOST_TEST(upstream.count() == 2u);
}

BOOST_AUTO_TEST_CASE(error_statuses_are_relayed_where_that_is_wanted) {
    service.on_status = status_policy::relay;
    upstream.by_default(scripted_upstream::echo(500));
    upstream.on(1, scripted_upstream::echo(404));
    start();
    BOOST_TEST(exchange("one").bytes == "one");
    BOOST_TEST(exchange("two").bytes == "two");
    BOOST_TEST(counters.replied.value() == 2u);
    BOOST_TEST(access_line(2).at("status") == "500");
    BOOST_TEST(access_line(2).at("outcome") == "replied");
}

BOOST_AUTO_TEST_CASE(a_redirect_is_not_followed) {
    scripted_upstream elsewhere;
    const std::string location = "Location: " + to_string(elsewhere.url()) + "\r\n";
    std::size_t n = 0;
    for (const int status : {301, 302, 303, 307, 308})
        upstream.on(++n, scripted_upstream::raw(response(status, "", location)));
    start();
    for (std::size_t i = 0; i < n; ++i) expect_refusal(exchange("x"), reason::upstream_status);
    BOOST_TEST(upstream.count() == n);
    BOOST_TEST(elsewhere.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(an_upstream_by_name) {
    if (!localhost_is_known()) return;
    const std::string port = std::to_string(upstream.address().port());
    service.endpoints = {parse_http_url("http://localhost:" + port + "/").value()};
    start();
    BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(upstream.requests().at(0).field("Host") == "localhost:" + port);
    BOOST_TEST(exchange("again").bytes == "again");
}

BOOST_AUTO_TEST_SUITE_END()
