#include "http_messages.hpp"

#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/test/unit_test.hpp>

#include <string>

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

BOOST_AUTO_TEST_CASE(nobody_is_told_when_the_connection_has_ended) {
    BOOST_TEST(status_for(http::error::end_of_stream, nothing_yet) == 0u);
    BOOST_TEST(status_for(http::error::partial_message, with_target) == 0u);
    BOOST_TEST(status_for(boost::asio::error::connection_reset, with_target) == 0u);
    BOOST_TEST(status_for(boost::beast::error::timeout, with_target) == 0u);
}

BOOST_AUTO_TEST_CASE(http_1_1_needs_one_host_and_http_1_0_none) {
    request_message read(http::verb::get, "/", 11);
    BOOST_TEST(fault_of(read) == 400u);
    read.set(http::field::host, "x");
    BOOST_TEST(fault_of(read) == 0u);
    read.insert(http::field::host, "y");
    BOOST_TEST(fault_of(read) == 400u);
    BOOST_TEST(fault_of(request_message(http::verb::get, "/", 10)) == 0u);
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
