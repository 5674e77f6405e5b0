// What the client reads is what the gateway writes: its own texts are the first cases.
#include "reply_form.hpp"

#include "reply_format/hl7_answer.hpp"
#include "reply_format/reply_text.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using outcome = told::outcome;

namespace {

constexpr std::string_view some_id = "0190163d-8694-739b-aea5-966c26f8ad91";

using form = finpost::detail::reply_form;

std::string written(form in, reply_facts facts) {
    facts.request_id = some_id;
    return reply_text(in, facts).whole(facts.body);
}

reply_facts answer(std::string_view body, int status = 200) {
    return {.kind = reply_kind::reply, .status = status, .body = body};
}

std::string with_id(std::string text) {
    for (std::size_t at = text.find("ID"); at != text.npos; at = text.find("ID"))
        text.replace(at, 2, some_id);
    return text;
}

struct read_json {
    explicit read_json(std::string_view text) : said(told_by_json(text, body)) {}
    std::string body;
    told said;
};

told of_line(const std::string& text) { return told_by_line(with_id(text)); }

// A gateway's text without its line end.
std::string without_end(std::string text) {
    BOOST_REQUIRE(text.ends_with('\n'));
    text.pop_back();
    return text;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

const std::string header = "MSH|^~\\&|EHR|MAIN|LAB|WEST|||ACK|7|P|2.3.1\r";

} // namespace

BOOST_AUTO_TEST_SUITE(reply_form)

BOOST_AUTO_TEST_CASE(the_words_are_the_gateways) {
    for (const char* word : {"body", "status", "json", "ack-nak", "hl7"})
        BOOST_TEST(to_string(parse_form_kind(word).value()) == word);
    const auto wrong = parse_form_kind("statsu");
    BOOST_REQUIRE(!wrong);
    BOOST_TEST(has(wrong.error().message, "did you mean status?"), wrong.error().message);
    BOOST_TEST(!parse_form_kind(""));
}

BOOST_AUTO_TEST_CASE(a_line_tells_of_an_answer) {
    const told good = of_line("200 ID");
    BOOST_TEST((good.what == outcome::replied));
    BOOST_TEST(good.why == "");
    BOOST_TEST(good.fields == with_id("status=200 request=ID"));
    const told bad = of_line("404 ID");
    BOOST_TEST((bad.what == outcome::failed));
    BOOST_TEST(bad.why == with_id("the service answered with status 404, request ID"));
    BOOST_TEST((of_line("299 ID").what == outcome::replied));
    BOOST_TEST((of_line("199 ID").what == outcome::failed));
}

BOOST_AUTO_TEST_CASE(a_line_tells_of_a_refusal_and_of_a_receipt) {
    BOOST_TEST((of_line("queued ID").what == outcome::queued));
    BOOST_TEST(of_line("queued ID").why ==
               with_id("queued by the gateway, request ID: the service gets it later"));
    const told later = of_line("refused of_a_later_version ID");
    BOOST_TEST((later.what == outcome::refused));
    BOOST_TEST(later.why == with_id("refused by the gateway: of_a_later_version, request ID"));
}

BOOST_AUTO_TEST_CASE(another_line_is_malformed) {
    for (const char* line : {"",
                             "ID",
                             " ID",
                             "200",
                             "200 ",
                             "200  ID",
                             "200 ID ",
                             " 200 ID",
                             "20 ID",
                             "2000 ID",
                             "099 ID",
                             "2x0 ID",
                             "OK ID",
                             "refused ID",
                             "refused  ID",
                             "refused busy",
                             "refused Busy ID",
                             "refused busy now ID",
                             "queued",
                             "queued now ID",
                             "Queued ID",
                             "200 ID\r",
                             "HTTP/1.1 200 OK",
                             "finpost: busy ID",
                             "200 0190163D-8694-739b-aea5-966c26f8ad91"})
        BOOST_TEST((of_line(line).what == outcome::malformed), line);
}

BOOST_AUTO_TEST_CASE(every_refusal_of_a_gateway_is_one_in_every_form) {
    for (const reason why : all_reasons) {
        const reply_facts facts{.kind = reply_kind::refusal, .status = 0, .why = why};
        const std::string expected =
            with_id("refused by the gateway: " + std::string(finpost::to_string(why)) + " (" +
                    make_error_code(why).message() + "), request ID");
        const told line = told_by_line(without_end(written(form::status, facts)));
        BOOST_TEST((line.what == outcome::refused));
        BOOST_TEST(line.why == expected);
        const read_json json(without_end(written(form::json, facts)));
        BOOST_TEST((json.said.what == outcome::refused));
        BOOST_TEST(json.said.why == expected);
        BOOST_TEST(json.said.fields == line.fields);
        BOOST_TEST((told_by_byte(written(form::ack_nak, facts)).what == outcome::refused));
    }
}

BOOST_AUTO_TEST_CASE(a_body_comes_out_of_json_as_it_went_in) {
    for (const std::string& body :
         {std::string(), std::string("hello"), std::string("a \"b\"\\\r\n\t\x01\x7f/"),
          std::string("\xc3\xbc\xf0\x9f\x98\x80"), std::string(3, '\0'), std::string("\xff\x01"),
          std::string("\xed\xa0\x80"), std::string(100'000, '\x02')}) {
        const read_json got(without_end(written(form::json, answer(body))));
        BOOST_TEST((got.said.what == outcome::replied), got.said.why);
        BOOST_TEST((got.body == body));
    }
}

BOOST_AUTO_TEST_CASE(json_tells_what_a_line_tells) {
    const read_json failed(without_end(written(form::json, answer("no", 404))));
    BOOST_TEST((failed.said.what == outcome::failed));
    BOOST_TEST(failed.said.why == with_id("the service answered with status 404, request ID"));
    BOOST_TEST(failed.body == "no");
    const read_json handler(without_end(written(form::json, answer("x", 0))));
    BOOST_TEST((handler.said.what == outcome::replied));
    const reply_facts refusal{
        .kind = reply_kind::refusal, .status = 503, .why = reason::upstream_status};
    const read_json refused(without_end(written(form::json, refusal)));
    BOOST_TEST(has(refused.said.why, ", status 503"), refused.said.why);
    const reply_facts receipt{.kind = reply_kind::receipt};
    const read_json queued(without_end(written(form::json, receipt)));
    BOOST_TEST((queued.said.what == outcome::queued));
}

BOOST_AUTO_TEST_CASE(a_name_that_is_unknown_is_passed_over) {
    const read_json got(
        with_id(R"({"id":"ID","outcome":"replied","later":{"a":[1]},"status":200,"body":"x"})"));
    BOOST_TEST((got.said.what == outcome::replied));
}

BOOST_AUTO_TEST_CASE(another_json_text_is_malformed) {
    for (const char* text : {"",
                             "null",
                             "[]",
                             "{}",
                             "\"replied\"",
                             R"({"id":"ID","outcome":"replied","body":"x")",
                             R"({"id":"ID","outcome":"replied","body":"x"}})",
                             R"({"id":"ID","outcome":"replied","body":"x"} {})",
                             R"({"outcome":"replied","body":"x"})",
                             R"({"id":"7","outcome":"replied","body":"x"})",
                             R"({"id":7,"outcome":"replied","body":"x"})",
                             R"({"id":"ID","body":"x"})",
                             R"({"id":"ID","outcome":"Replied","body":"x"})",
                             R"({"id":"ID","outcome":"replied"})",
                             R"({"id":"ID","outcome":"replied","body":null})",
                             R"({"id":"ID","outcome":"replied","body":"x","body_base64":"eA=="})",
                             R"({"id":"ID","outcome":"replied","body_base64":"eA="})",
                             R"({"id":"ID","outcome":"replied","body_base64":"eB=="})",
                             R"({"id":"ID","outcome":"replied","body_base64":"eHh4\n"})",
                             R"({"id":"ID","outcome":"replied","body_base64":"e\n=="})",
                             R"({"id":"ID","outcome":"replied","status":"200","body":"x"})",
                             R"({"id":"ID","outcome":"replied","status":2e2,"body":"x"})",
                             R"({"id":"ID","outcome":"replied","status":0,"body":"x"})",
                             R"({"id":"ID","outcome":"refused"})",
                             R"({"id":"ID","outcome":"refused","reason":""})",
                             R"({"id":"ID","outcome":"refused","reason":"busy","body":"x"})",
                             R"({"id":"ID","outcome":"queued","body_base64":""})",
                             R"({"id":"ID","outcome":"replied","body":"\ud800"})",
                             "{\"id\":\"ID\",\"outcome\":\"replied\",\"body\":\"\xff\"}",
                             "{\"id\":\"ID\",\n\"outcome\":\"replied\",\"body\":\"x\"}"}) {
        const read_json got(with_id(text));
        BOOST_TEST((got.said.what == outcome::malformed), text);
        BOOST_TEST(got.said.why != "", text);
    }
    const std::string deep(10'000, '[');
    BOOST_TEST((read_json(deep).said.what == outcome::malformed));
}

BOOST_AUTO_TEST_CASE(one_byte_and_no_other) {
    BOOST_TEST((told_by_byte("\x06").what == outcome::replied));
    BOOST_TEST((told_by_byte("\x15").what == outcome::refused));
    for (const char* text : {"", "x", "\x06\x06", "\x06\n", "\x15\x06", "ACK"})
        BOOST_TEST((told_by_byte(text).what == outcome::malformed), text);
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_of_a_gateway_is_read_in_every_version) {
    const auto now = std::chrono::system_clock::now();
    for (const char* version : {"2.3", "2.5.1"})
        for (const char* separators : {"|^~\\&", "!@#$%"}) {
            std::string sent = "MSH" + std::string(separators) + "|LAB||||||ORU|42|P|" + version;
            std::replace(sent.begin() + 8, sent.end(), '|', separators[0]);
            const auto msh = parse_hl7_header(sent);
            BOOST_REQUIRE(msh);
            const auto said = [&](hl7_code code) {
                return told_by_hl7(hl7_acknowledgement(&*msh, code, "busy 0190", "1", now));
            };
            BOOST_TEST((said(hl7_code::aa).what == outcome::replied));
            BOOST_TEST((said(hl7_code::ca).what == outcome::queued));
            for (const auto& [code, word] :
                 std::vector<std::pair<hl7_code, std::string>>{{hl7_code::ae, "AE"},
                                                               {hl7_code::ar, "AR"},
                                                               {hl7_code::ce, "CE"},
                                                               {hl7_code::cr, "CR"}}) {
                BOOST_TEST((said(code).what == outcome::refused));
                BOOST_TEST(said(code).why == "refused: " + word + ": busy 0190", version);
                BOOST_TEST(said(code).fields == "msa=" + word);
            }
        }
    const auto nobody = hl7_acknowledgement(nullptr, hl7_code::ar, "bad_frame 0190", "1", now);
    BOOST_TEST(told_by_hl7(nobody).why == "refused: AR: bad_frame 0190");
}

BOOST_AUTO_TEST_CASE(why_is_looked_for_where_versions_put_it) {
    const auto why = [](const std::string& more) { return told_by_hl7(header + more).why; };
    BOOST_TEST(why("MSA|AE|42\r") == "refused: AE");
    BOOST_TEST(why("MSA|AE|42|later\rERR||||E||||not this\r") == "refused: AE: later");
    BOOST_TEST(why("MSA|AE|42\rERR|||207^Internal^HL70357|E|||trace|for users\r") ==
               "refused: AE: for users");
    BOOST_TEST(why("MSA|AE|42\rERR|||207^Internal^HL70357|E|||trace\r") == "refused: AE: trace");
    BOOST_TEST(why("MSA|AE|42\rERR|||207^Internal^HL70357|E\r") == "refused: AE: Internal");
    BOOST_TEST(why("MSA|AE|42\rERR|||207|E\r") == "refused: AE: 207");
    BOOST_TEST(why("MSA|AE|42|\x1b[31mred\r") == "refused: AE: \\x1b[31mred");
    BOOST_TEST(why("MSA|AE|42|" + std::string(9'000, 'x')).size() < 300u);
}

BOOST_AUTO_TEST_CASE(line_feeds_end_segments_as_well) {
    BOOST_TEST((told_by_hl7("MSH|^~\\&|EHR\r\nNTE|1\r\nMSA|AA|42\r\n").what == outcome::replied));
}

BOOST_AUTO_TEST_CASE(what_acknowledges_nothing_is_malformed) {
    for (const std::string& text :
         {std::string(), std::string("MSH"), std::string("MSH|"), header, header + "MSA\r",
          header + "MSA|\r", header + "MSA|A\r", header + "MSA|AAA|42\r", header + "MSA|aa|42\r",
          header + "MSA^AA|42\r", header + "XMSA|AA|42\r", "MSA|AA|42\r" + header,
          std::string("MSHA^~\\&|x\rMSAAAA\r"), std::string("MSH|||x\rMSA|AA|42\r"),
          std::string("MSH|^~\\&!?|x\rMSA|AA|42\r"), std::string("\x0bMSH|^~\\&|x\rMSA|AA|42\r"),
          std::string("finpost: queued 0190163d-8694-739b-aea5-966c26f8ad91\n"),
          header + "NTE|" + std::string(farthest_msa, 'x') + "\rMSA|AA|42\r"})
        BOOST_TEST((told_by_hl7(text).what == outcome::malformed), text.substr(0, 80));
    // Where the MSA ends was not read.
    const std::string almost =
        header + "NTE|" + std::string(farthest_msa - header.size() - 11, 'x');
    const std::string cut = almost + "\rMSA|AAXX";
    BOOST_TEST(cut.substr(0, farthest_msa).ends_with("\rMSA|AA"));
    BOOST_TEST((told_by_hl7(cut).what == outcome::malformed));
}

BOOST_AUTO_TEST_SUITE_END()
