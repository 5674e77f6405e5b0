#include "control/control_request.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
using action = control_request::action;

namespace {

const std::string id = "0190163d-8694-739b-aea5-966c26f8ad91";

control_request get(const std::string& target, const std::string& method = "GET") {
    return read_control_request({method, target, {}, {}});
}

control_request post(const std::string& target, const std::string& body) {
    return read_control_request({"POST", target, "application/json", body});
}

std::string refusal(const control_request& of) {
    BOOST_TEST((of.what == action::refuse));
    return std::to_string(of.refusal.status) + ' ' + of.refusal.body;
}

} // namespace

BOOST_AUTO_TEST_SUITE(control_request)

BOOST_AUTO_TEST_CASE(each_page_has_its_action) {
    BOOST_TEST((get("/queue").what == action::stats));
    BOOST_TEST((get("/payloads").what == action::list));
    BOOST_TEST((get("/payloads", "HEAD").what == action::list));
    BOOST_TEST((get("/payloads/" + id).what == action::show));
    BOOST_TEST((get("/payloads/" + id + "/body").what == action::body));
    BOOST_TEST(get("/payloads/" + id + "/body").id->text() == id);
}

BOOST_AUTO_TEST_CASE(a_list_is_narrowed_and_paged) {
    const auto all = get("/payloads");
    BOOST_TEST(!all.filter.state.has_value());
    BOOST_TEST(all.page.after == 0u);
    BOOST_TEST(all.page.most == 500u);
    const auto some =
        get("/payloads?state=dead&listener=a%26b+c%2f&upstream=&after=18446744073709551615&most=1");
    BOOST_TEST((some.filter.state == queue_state::dead));
    BOOST_TEST(some.filter.listener.value() == "a&b c/");
    BOOST_TEST(some.filter.upstream.value() == "");
    BOOST_TEST(some.page.after == 18'446'744'073'709'551'615u);
    BOOST_TEST(some.page.most == 1u);
}

BOOST_AUTO_TEST_CASE(a_parameter_that_is_wrong_is_named) {
    BOOST_TEST(refusal(get("/payloads?state=x")) ==
               "400 state: \"x\": expected waiting, dead or set_aside\n");
    for (const char* const most : {"0", "1001", "-1", "", "1x"})
        BOOST_TEST(refusal(get(std::string("/payloads?most=") + most)) ==
                   "400 most: must be 1 to 1000\n");
    BOOST_TEST(refusal(get("/payloads?after=1.5")) == "400 after: must be a number\n");
    BOOST_TEST(refusal(get("/payloads?stat=dead")) == "400 unknown parameter \"stat\"\n");
    for (const char* const text : {"%", "%4", "%4g", "a%"})
        BOOST_TEST(refusal(get(std::string("/payloads?listener=") + text)) ==
                   "400 a parameter is not percent-encoded\n");
}

BOOST_AUTO_TEST_CASE(a_change_names_its_payloads) {
    const auto drop = post("/drop", "{\"ids\":[\"" + id + "\"]}");
    BOOST_TEST((drop.what == action::drop));
    BOOST_TEST(drop.filter.ids.at(0).text() == id);
    BOOST_TEST(drop.page.most == 1u);
    BOOST_TEST((post("/replay", "{\"ids\":[\"" + id + "\"]}").what == action::replay));
    // Never all of them by mistake.
    BOOST_TEST(refusal(post("/drop", "")) == "400 the body is no JSON object\n");
    BOOST_TEST(refusal(post("/drop", "{\"ids\":[]}")).starts_with("400 \"ids\" must be"));
}

BOOST_AUTO_TEST_CASE(nothing_is_changed_by_looking) {
    BOOST_TEST(refusal(get("/drop")) == "405 POST only\n");
    BOOST_TEST(get("/drop").refusal.allow == "POST");
    BOOST_TEST(refusal(post("/queue", "{}")) == "405 GET only\n");
    BOOST_TEST(get("/queue", "DELETE").refusal.allow == "GET, HEAD");
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_told) {
    BOOST_TEST(refusal(get("/")).starts_with("404 not found: there are /queue"));
    BOOST_TEST(refusal(get("/payloads/x")) ==
               "404 there is no payload of that id: \"x\" is not a request id\n");
    BOOST_TEST(refusal(get("/payloads/" + id + "/bytes")) ==
               "404 there is no such page of a payload\n");
    BOOST_TEST(refusal(get("/queues")).starts_with("404 "));
}

BOOST_AUTO_TEST_SUITE_END()
