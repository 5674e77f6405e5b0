// Health checks and scanners on the payload port, by HTTP or TLS.
#include "support/tls_gateway.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string get = "GET /healthz HTTP/1.1\r\nHost: x\r\nUser-Agent: check\r\n\r\n";
const std::string post = "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
const std::string hello = "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"s + std::string(194, 'r');

struct foreign_gateway : tls_gateway {
    foreign_gateway() {
        certificate = config.tls;
        config.tls = {};
    }
    void expect_ok(const std::string& answer, bool with_body = true) {
        BOOST_TEST(answer.starts_with("HTTP/1.1 200 OK\r\n"), answer);
        BOOST_TEST(answer.find("\r\nContent-Length: 3\r\n") != std::string::npos);
        BOOST_TEST(answer.find("\r\nConnection: close\r\n") != std::string::npos);
        BOOST_TEST(answer.ends_with(with_body ? "\r\n\r\nok\n" : "\r\n\r\n"), answer);
    }
    tls_options certificate;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(foreign_payloads, foreign_gateway)

BOOST_AUTO_TEST_CASE(by_default_they_are_payloads_and_a_warning_says_so_once) {
    start();
    for (const std::string& text : {get, post, hello, get})
        BOOST_TEST(exchange(text).bytes == text);
    BOOST_TEST(upstream.count() == 4u);
    BOOST_REQUIRE(log.wait_for("foreign payload", 1));
    BOOST_TEST(log.of("foreign payload").at(0).at("what") ==
               "an HTTP request is forwarded as a payload: see --foreign");
    BOOST_TEST(log.count("foreign payload") == 1u);
}

BOOST_AUTO_TEST_CASE(a_probe_by_http_is_answered_and_nothing_is_forwarded) {
    config.foreign = foreign_policy::probe;
    start();
    const auto got = exchange(get);
    expect_ok(got.bytes);
    BOOST_TEST((got.how == raw_client::ending::fin));
    expect_ok(exchange("HEAD / HTTP/1.0\r\n\r\n").bytes, false);
    expect_ok(exchange("GET / HTTP/1.0").bytes); // and the end
    raw_client open = connect();                 // health checks do not half-close
    open.send(get);
    const auto kept = open.read_to_end();
    expect_ok(kept.bytes);
    BOOST_TEST((kept.how == raw_client::ending::fin));
    open.close();
    BOOST_TEST(until_probes(4));
    BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(upstream.count() == 1u);
    BOOST_TEST(log.count("exchange") == 1u);
}

BOOST_AUTO_TEST_CASE(a_probe_by_http_that_comes_byte_by_byte_is_answered_at_its_last) {
    config.foreign = foreign_policy::probe;
    start();
    raw_client one = connect();
    for (const char c : get) one.send({&c, 1});
    expect_ok(one.read_to_end().bytes);
}

BOOST_AUTO_TEST_CASE(a_request_that_wants_something_done_is_no_probe) {
    config.foreign = foreign_policy::probe;
    start();
    expect_refusal(exchange(post), reason::foreign);
    raw_client open = connect();
    open.send(post);
    expect_refusal(open.read_to_end(), reason::foreign);
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_hello_is_closed_without_a_word_and_without_an_end) {
    config.foreign = foreign_policy::probe;
    start();
    for (const bool ends : {false, true}) {
        raw_client one = connect();
        one.send(hello);
        if (ends) one.half_close();
        const auto got = one.read_to_end();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::reset));
    }
    BOOST_TEST(until_probes(2));
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_CASE(all_of_them_can_be_refused) {
    config.foreign = foreign_policy::refuse;
    start();
    for (const std::string& text : {get, post, hello}) {
        expect_refusal(exchange(text), reason::foreign);
        raw_client open = connect();
        open.send(text);
        expect_refusal(open.read_to_end(), reason::foreign);
    }
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_CASE(what_only_begins_like_one_is_a_payload) {
    config.foreign = foreign_policy::probe;
    start();
    for (const std::string& text :
         {"GET"s, "GET STARTED"s, "GET / HTTP"s, "POST"s, "\x16\x16payload"s, "\x16"s})
        BOOST_TEST(exchange(text).bytes == text);
}

BOOST_AUTO_TEST_CASE(inside_tls_a_probe_by_http_is_answered_as_well) {
    if (!ready()) return;
    config.tls = certificate;
    config.foreign = foreign_policy::probe;
    start();
    tls_client one(address(), client());
    BOOST_TEST(!one.handshake());
    one.send(get); // and no close_notify
    const auto got = one.read_to_end();
    expect_ok(got.bytes);
    BOOST_TEST((got.how == tls_client::ending::close_notify));
    one.raw().close();
    BOOST_TEST(until_probes(1));
}

BOOST_AUTO_TEST_CASE(a_probe_with_a_large_body_does_not_become_a_file) {
    config.foreign = foreign_policy::probe;
    config.spill_above = 3;
    start();
    expect_ok(exchange(get + std::string(100'000, 'x')).bytes);
    expect_refusal(exchange(post + std::string(100'000, 'x')), reason::foreign);
    raw_client one = connect();
    for (const char c : get) one.send({&c, 1});
    expect_ok(one.read_to_end().bytes);
    const std::string large = "GO" + some_bytes(100'000);
    BOOST_TEST((exchange(large).bytes == large));
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(before_base64_they_are_what_they_are) {
    config.foreign = foreign_policy::probe;
    config.decode = codec::base64;
    start();
    expect_ok(exchange(get).bytes);
    BOOST_TEST(exchange("R0VUIC8gSFRUUC8xLjENCg0K").bytes ==
               "GET / HTTP/1.1\r\n\r\n"); // somebody meant that
}

BOOST_AUTO_TEST_CASE(a_stream_is_not_begun_with_one) {
    config.foreign = foreign_policy::probe;
    config.stream_above = 4;
    start();
    expect_ok(exchange(get).bytes);
    raw_client slow = connect();
    slow.send(get.substr(0, 30));
    BOOST_TEST(wait_for_bytes_in(1));
    slow.send(get.substr(30));
    expect_ok(slow.read_to_end().bytes);
    raw_client other = connect();
    other.send(post.substr(0, 8)); // may still be one
    BOOST_TEST(wait_for_bytes_in(1));
    other.send(post.substr(8) + std::string(100'000, 'x'));
    expect_refusal(other.read_to_end(), reason::foreign);
    const std::string text = "GO" + some_bytes(100'000);
    BOOST_TEST((exchange(text).bytes == text));
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
