#include "reply_format/reply_template.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using namespace finpost;
using namespace finpost::detail;

namespace {

using kind = reply_kind;

reply_facts facts_of(kind of, int status = 0) {
    return {.kind = of,
            .status = status,
            .why = reason::busy,
            .request_id = "ID",
            .body = "B",
            .peer_ip = "192.0.2.7",
            .peer_port = 4711,
            .local_port = 5000,
            .payload_bytes = 12,
            .tls_peer_name = "scale-7"};
}

std::string rendered(std::string_view text, kind of = kind::reply, int status = 0) {
    const auto read = parse_reply_template(text, of);
    BOOST_REQUIRE_MESSAGE(read, text);
    return read->render(facts_of(of, status)).whole("B");
}

std::string problem_of(std::string_view text, kind of = kind::reply) {
    const auto read = parse_reply_template(text, of);
    return read ? std::string() : read.error().message;
}

bool may_be_empty(std::string_view text, kind of = kind::reply) {
    return parse_reply_template(text, of).value().may_be_empty();
}

} // namespace

BOOST_AUTO_TEST_SUITE(reply_template)

BOOST_AUTO_TEST_CASE(bytes_stand_as_they_are) {
    BOOST_TEST(rendered("") == "");
    BOOST_TEST(rendered("OK") == "OK");
    BOOST_TEST(rendered(R"(\n\r\t\\\x06\xfF\x00)") == std::string("\n\r\t\\\x06\xff\0", 7));
    BOOST_TEST(rendered("a{{b}}c") == "a{b}c");
    BOOST_TEST(rendered("{{{status}}}") == "{200}");
    BOOST_TEST(rendered("\xff\n") == "\xff\n");
}

BOOST_AUTO_TEST_CASE(every_field_has_its_value) {
    const std::string all =
        "{outcome} {request.id} {peer.ip} {peer.port} {local.port} {payload.bytes} {tls.peer_name}";
    const std::string values = " ID 192.0.2.7 4711 5000 12 scale-7";
    BOOST_TEST(rendered(all) == "replied" + values);
    BOOST_TEST(rendered(all, kind::refusal) == "refused" + values);
    BOOST_TEST(rendered(all, kind::receipt) == "queued" + values);
    BOOST_TEST(rendered("{status} [{body}]", kind::reply, 404) == "404 [B]");
    BOOST_TEST(rendered("{status}") == "200");
    BOOST_TEST(rendered("{reason} [{status}]", kind::refusal) == "busy []");
    BOOST_TEST(rendered("{reason} [{status}]", kind::refusal, 503) == "busy [503]");
}

BOOST_AUTO_TEST_CASE(the_body_is_not_copied) {
    const auto parts = parse_reply_template(R"(<{status} {body}>\n)", kind::reply)
                           .value()
                           .render(facts_of(kind::reply));
    BOOST_TEST((parts == reply_parts{"<200 ", true, ">\n"}));
    BOOST_TEST((parse_reply_template("OK", kind::reply).value().render(facts_of(kind::reply)) ==
                reply_parts{"OK", false, ""}));
}

BOOST_AUTO_TEST_CASE(what_a_client_gets_without_a_template_can_be_written_as_one) {
    BOOST_TEST(rendered("{body}") == "B");
    BOOST_TEST(rendered(R"(finpost: {reason} {request.id}\n)", kind::refusal) ==
               "finpost: busy ID\n");
    BOOST_TEST(rendered(R"(finpost: queued {request.id}\n)", kind::receipt) ==
               "finpost: queued ID\n");
}

BOOST_AUTO_TEST_CASE(an_unknown_field_is_told_with_what_was_meant) {
    BOOST_TEST(
        problem_of("{bodi}") ==
        "has in braces for a reply \"bodi\": expected body, status, outcome, request.id, "
        "peer.ip, peer.port, local.port, payload.bytes or tls.peer_name: did you mean body?");
    BOOST_TEST(problem_of("{request_id}").ends_with("did you mean request.id?"));
    for (const char* text : {"{}", "{ body }", "{Body}", "{body\n}", "{a\\n}"})
        BOOST_TEST(problem_of(text) != "", text);
}

BOOST_AUTO_TEST_CASE(a_field_that_there_is_not_for_this_text_is_unknown) {
    BOOST_TEST(problem_of("{reason}", kind::reply) != "");
    BOOST_TEST(problem_of("{body}", kind::refusal).starts_with("has in braces for a refusal "));
    for (const char* text : {"{body}", "{reason}", "{status}"})
        BOOST_TEST(problem_of(text, kind::receipt) != "", text);
}

BOOST_AUTO_TEST_CASE(a_body_is_there_once) {
    BOOST_TEST(problem_of("{body}x{body}") ==
               "has at byte 8 a second {body}: it can be there once");
}

BOOST_AUTO_TEST_CASE(what_is_written_wrongly_is_told_with_its_place) {
    BOOST_TEST(problem_of("ab}") == "has at byte 3 a } without its { (a plain one is written }})");
    BOOST_TEST(problem_of("a{body") ==
               "has at byte 2 a { without its } (a plain one is written {{)");
    BOOST_TEST(problem_of(R"(a\q)") ==
               R"(has at byte 2 a \ that begins none of \n, \r, \t, \\ and \xHH)");
    for (const char* text : {"{", "}", "{{}", "{body}}", "{bo{dy}}", "\\", "a\\", "\\x", "\\x0",
                             "\\x0g", "\\xg0", "\\X00", "\\0", "\\N"})
        BOOST_TEST(problem_of(text) != "", text);
}

BOOST_AUTO_TEST_CASE(a_template_has_a_largest_size) {
    const std::string most(longest_reply_template, 'x');
    BOOST_TEST(problem_of(most) == "");
    BOOST_TEST(problem_of(most + 'x') == "has 4097 bytes, at most 4096");
}

BOOST_AUTO_TEST_CASE(it_is_known_what_may_give_no_bytes) {
    for (const char* text : {"", "{body}", "{tls.peer_name}{body}", "{peer.ip}"})
        BOOST_TEST(may_be_empty(text), text);
    for (const char* text : {"x", "{body}\\n", "{status}", "{body}{request.id}", "{peer.port}",
                             "{outcome}", "{payload.bytes}", "{{"})
        BOOST_TEST(!may_be_empty(text), text);
    BOOST_TEST(may_be_empty("{status}", kind::refusal));
    BOOST_TEST(!may_be_empty("{reason}", kind::refusal));
    BOOST_TEST(may_be_empty("{tls.peer_name}", kind::receipt));
}

BOOST_AUTO_TEST_CASE(what_may_not_be_empty_is_not) {
    std::mt19937 random(11);
    const std::vector<std::string> pieces{
        "{body}", "{status}", "{tls.peer_name}", "{peer.ip}", "a", "{", "}", "\\", "\\n", "\\x",
        "{{",     "}}",       "{request.id}",    "0",         "{"};
    std::size_t good = 0;
    for (int run = 0; run < 20'000; ++run) {
        std::string text;
        for (auto count = random() % 5; count > 0; --count)
            text += pieces[random() % pieces.size()];
        const auto read = parse_reply_template(text, kind::reply);
        if (!read) continue;
        ++good;
        const reply_facts nothing{.kind = kind::reply, .request_id = "ID"};
        BOOST_REQUIRE(read->may_be_empty() == read->render(nothing).whole("").empty());
    }
    BOOST_TEST(good > 2'000u);
}

BOOST_AUTO_TEST_SUITE_END()
