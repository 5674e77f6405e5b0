#include "admin/http_messages.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/test/unit_test.hpp>

#include <span>
#include <string>
#include <string_view>

namespace http = boost::beast::http;
using namespace finpost;

namespace {

using request_message = http::request<http::string_body>;

const request_message nothing_yet;
const request_message with_target(http::verb::get, "/metrics", 11);

} // namespace

BOOST_AUTO_TEST_SUITE(http_messages)

BOOST_AUTO_TEST_CASE(what_cannot_be_read_has_a_status) {
    BOOST_TEST(status_for(http::error::bad_target, nothing_yet) == 400u);
    BOOST_TEST(status_for(http::error::bad_value, with_target) == 400u);
    BOOST_TEST(status_for(http::error::body_limit, with_target) == 413u);
    BOOST_TEST(status_for(http::error::header_limit, nothing_yet) == 414u);
    BOOST_TEST(status_for(http::error::header_limit, with_target) == 431u);
}

BOOST_AUTO_TEST_CASE(a_body_in_chunks_is_read_in_pieces_of_any_size) {
    using state = chunked_body::state;
    struct example {
        std::string bytes, text;
        std::size_t behind = 0;
        unsigned status = 0;
    };
    for (const example& each :
         {example{"5\r\nhello\r\n0\r\n\r\n", "hello"}, example{"0\r\n\r\nGET", "", 3},
          example{"0\r\na: b\r\n\r\n", ""}, example{"0\r\na\r\n0\r\n\r\n", "", 0, 400},
          example{"9\r\nninebytes\r\n0\r\n\r\n", "", 0, 413}}) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{4}, std::size_t{100}}) {
            chunked_body body(8);
            std::string_view left = each.bytes;
            while (!left.empty() && body.reading() == state::more)
                left.remove_prefix(body.take(std::as_bytes(std::span(left.substr(0, piece)))));
            BOOST_TEST((body.reading() == (each.status != 0 ? state::failed : state::done)),
                       each.bytes);
            if (each.status != 0)
                BOOST_TEST(body.status() == each.status);
            else
                BOOST_TEST(body.text() == each.text);
            if (each.status == 0) BOOST_TEST(left.size() == each.behind);
        }
    }
}

BOOST_AUTO_TEST_CASE(nobody_is_told_when_the_connection_has_ended) {
    BOOST_TEST(status_for(http::error::end_of_stream, nothing_yet) == 0u);
    BOOST_TEST(status_for(http::error::partial_message, with_target) == 0u);
    BOOST_TEST(status_for(boost::asio::error::connection_reset, with_target) == 0u);
    BOOST_TEST(status_for(boost::beast::error::timeout, with_target) == 0u);
}

BOOST_AUTO_TEST_CASE(http_1_1_needs_one_host_and_http_1_0_none) {
    request_message read(http::verb::get, "/", 11);
    BOOST_TEST(fault_of(read, false) == 400u);
    read.set(http::field::host, "x");
    BOOST_TEST(fault_of(read, false) == 0u);
    read.insert(http::field::host, "y");
    BOOST_TEST(fault_of(read, false) == 400u);
    BOOST_TEST(fault_of(request_message(http::verb::get, "/", 10), true) == 0u);
}

BOOST_AUTO_TEST_CASE(a_whole_url_on_the_request_line_is_taken_apart) {
    struct expected {
        const char *target, *authority, *path;
    };
    for (const auto& [target, authority, path] :
         {expected{"http://h:1/healthz?x=http://y/", "h:1", "/healthz?x=http://y/"},
          expected{"http://h", "h", "/"}, expected{"http://h?x", "h", "/?x"},
          expected{"http:///healthz", "", "/healthz"},
          expected{"HTTP://[::1]:9/a", "[::1]:9", "/a"}}) {
        const target_parts parts = parts_of(target);
        BOOST_TEST(parts.absolute, target);
        BOOST_TEST(parts.authority == authority);
        BOOST_TEST(parts.path == path);
    }
    for (const char* target : {"/healthz", "/a?b=http://c/", "*", "", "?x://y"}) {
        BOOST_TEST(!parts_of(target).absolute, target);
        BOOST_TEST(parts_of(target).path == target);
    }
}

BOOST_AUTO_TEST_CASE(localhost_and_loopback_addresses_are_local_with_any_port_and_nothing_else_is) {
    for (const char* local : {"localhost", "LocalHost:9180", "127.0.0.1", "127.0.0.1:80",
                              "127.9.8.7:1", "[::1]", "[::1]:9180", "localhost:"})
        BOOST_TEST(is_local_name(local), local);
    for (const char* other :
         {"", "x", "evil.example:9180", "localhost.evil.example", "127.0.0.1.evil.example",
          "10.0.0.1", "[::2]:1", "::1", "[127.0.0.1]", "localhost:80@evil", "user@localhost",
          "[::1", "127.1", "0.0.0.0:9180", "localhost:x", ":9180"})
        BOOST_TEST(!is_local_name(other), other);
    BOOST_TEST(!is_local_name(std::string_view("127.0.0.1\0.evil", 15)));
}

BOOST_AUTO_TEST_CASE(a_name_of_somebody_else_is_misdirected_where_only_local_ones_are_known) {
    request_message read(http::verb::get, "/healthz", 11);
    read.set(http::field::host, "evil.example");
    BOOST_TEST(fault_of(read, false) == 0u);
    BOOST_TEST(fault_of(read, true) == 421u);
    read.version(10); // it need not say where to, but when it does it is heard
    BOOST_TEST(fault_of(read, true) == 421u);
    read.version(11);
    // The whole URL wins, either way.
    read.target("http://localhost:9180/healthz");
    BOOST_TEST(fault_of(read, true) == 0u);
    read.set(http::field::host, "localhost");
    BOOST_TEST(fault_of(read, true) == 0u);
    read.target("http://evil.example/healthz");
    BOOST_TEST(fault_of(read, true) == 421u);
    BOOST_TEST(fault_of(read, false) == 0u);
    read.target("https://localhost/healthz");
    BOOST_TEST(fault_of(read, false) == 421u);
    read.target("http:///healthz");
    BOOST_TEST(fault_of(read, false) == 400u);
}

BOOST_AUTO_TEST_CASE(a_response_says_what_the_answer_says) {
    http_answer answer = plain_answer(405);
    BOOST_TEST(answer.body == "Method Not Allowed\n");
    answer.allow = "GET";
    const auto out = make_response(answer, false);
    BOOST_TEST(out.result_int() == 405u);
    BOOST_TEST(std::string(out[http::field::allow]) == "GET");
    BOOST_TEST(std::string(out[http::field::content_length]) == "19");
    BOOST_TEST(!out.keep_alive());
}

BOOST_AUTO_TEST_SUITE_END()
