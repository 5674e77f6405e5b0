#include "reply_format/reply_text.hpp"

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::detail;

namespace {

constexpr std::string_view some_id = "0190163d-8694-739b-aea5-966c26f8ad91";

std::string told(reply_form form, reply_facts facts) {
    facts.request_id = some_id;
    return finpost::detail::reply_text(form, facts).whole(facts.body);
}

reply_facts reply_of(std::string_view body, int status = 200) {
    return {.kind = reply_kind::reply, .status = status, .body = body};
}

reply_facts refusal_of(reason why, int status = 0) {
    return {.kind = reply_kind::refusal, .status = status, .why = why};
}

const reply_facts receipt{.kind = reply_kind::receipt};

std::string with_id(std::string text) {
    const std::size_t at = text.find("ID");
    return text.replace(at, 2, some_id);
}

} // namespace

BOOST_AUTO_TEST_SUITE(reply_text)

BOOST_AUTO_TEST_CASE(body_is_the_body_as_it_is) {
    BOOST_TEST(told(reply_form::body, reply_of("hello\n")) == "hello\n");
    BOOST_TEST(told(reply_form::body, reply_of("")) == "");
    BOOST_TEST(told(reply_form::body, refusal_of(reason::busy)) == with_id("finpost: busy ID\n"));
    BOOST_TEST(told(reply_form::body, receipt) == with_id("finpost: queued ID\n"));
}

BOOST_AUTO_TEST_CASE(status_begins_with_a_line) {
    const auto form = reply_form::status;
    BOOST_TEST(told(form, reply_of("hello")) == with_id("200 ID\nhello"));
    BOOST_TEST(told(form, reply_of("", 404)) == with_id("404 ID\n"));
    BOOST_TEST(told(form, reply_of("x", 0)) == with_id("200 ID\nx"));
    BOOST_TEST(told(form, refusal_of(reason::upstream_status, 503)) ==
               with_id("refused upstream_status ID\n"));
    BOOST_TEST(told(form, receipt) == with_id("queued ID\n"));
}

BOOST_AUTO_TEST_CASE(a_body_is_not_copied_where_it_stands_as_it_is) {
    for (const auto form : {reply_form::body, reply_form::status}) {
        const auto parts = finpost::detail::reply_text(form, reply_of("hello"));
        BOOST_TEST(parts.with_body);
        BOOST_TEST(parts.before.find("hello") == std::string::npos);
        BOOST_TEST(parts.after == "");
    }
}

BOOST_AUTO_TEST_CASE(json_is_one_line_of_what_there_is) {
    const auto form = reply_form::json;
    BOOST_TEST(told(form, reply_of("hello")) ==
               with_id(R"({"id":"ID","outcome":"replied","status":200,"body":"hello"})") + '\n');
    BOOST_TEST(told(form, reply_of("", 0)) ==
               with_id(R"({"id":"ID","outcome":"replied","body":""})") + '\n');
    BOOST_TEST(told(form, reply_of("\xff\x01", 404)) ==
               with_id(R"({"id":"ID","outcome":"replied","status":404,"body_base64":"/wE="})") +
                   '\n');
    BOOST_TEST(
        told(form, refusal_of(reason::upstream_status, 503)) ==
        with_id(R"({"id":"ID","outcome":"refused","status":503,"reason":"upstream_status"})") +
            '\n');
    BOOST_TEST(told(form, refusal_of(reason::busy)) ==
               with_id(R"({"id":"ID","outcome":"refused","reason":"busy"})") + '\n');
    BOOST_TEST(told(form, receipt) == with_id(R"({"id":"ID","outcome":"queued"})") + '\n');
}

BOOST_AUTO_TEST_CASE(a_program_reads_the_body_of_a_json_text_back) {
    std::mt19937 random(7);
    const std::vector<std::string> pieces{"\"",
                                          "\\",
                                          "\n",
                                          "\r",
                                          "\t",
                                          "\b",
                                          std::string(1, '\0'),
                                          "\x1f",
                                          "\x7f",
                                          "/",
                                          "a",
                                          "\xc3\xbc",
                                          "\xe2\x82\xac",
                                          "\xf0\x9f\x98\x80",
                                          "\xed\x9f\xbf",
                                          "\xee\x80\x80",
                                          "\xf4\x8f\xbf\xbf",
                                          "\xe0\xa0\x80",
                                          "\xf0\x90\x80\x80",
                                          "\xe2\x80\xa8"};
    for (int run = 0; run < 2'000; ++run) {
        std::string body;
        for (auto count = random() % 12; count > 0; --count)
            body += pieces[random() % pieces.size()];
        const std::string text = told(reply_form::json, reply_of(body));
        BOOST_REQUIRE(text.find('\n') == text.size() - 1);
        BOOST_REQUIRE(boost::json::parse(text).at("body").as_string() == body);
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_utf8_is_base64) {
    const std::vector<std::string> bad{"\x80",
                                       "\xc3",
                                       "\xc0\x80",
                                       "\xc1\xbf",
                                       "\xe2\x82",
                                       "\xe0\x9f\xbf",
                                       "\xed\xa0\x80",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf0\x9f\x98",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xff",
                                       "\xc3\xc3\xbc",
                                       "\xe2\x28\xa1"};
    for (const std::string& each : bad)
        for (const std::string& body : {each, "a" + each, each + "a"})
            BOOST_TEST(told(reply_form::json, reply_of(body)).find("\"body_base64\":\"") !=
                       std::string::npos);
}

BOOST_AUTO_TEST_CASE(ack_nak_is_one_byte) {
    const auto form = reply_form::ack_nak;
    for (const int status : {0, 200, 204, 299})
        BOOST_TEST(told(form, reply_of("body", status)) == "\x06", status);
    for (const int status : {199, 300, 404, 503})
        BOOST_TEST(told(form, reply_of("body", status)) == "\x15", status);
    BOOST_TEST(told(form, receipt) == "\x06");
    for (const reason why : all_reasons) BOOST_TEST(told(form, refusal_of(why, 200)) == "\x15");
}

BOOST_AUTO_TEST_SUITE_END()
