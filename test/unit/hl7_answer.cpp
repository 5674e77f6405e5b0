#include "reply_format/hl7_answer.hpp"

#include "finpost/request_id.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::detail;

namespace {

std::string answer(hl7_event event, std::string_view accept, std::string_view application = {}) {
    hl7_header sent;
    sent.accept_when = accept;
    sent.application_when = application;
    const auto code = hl7_answer(event, &sent);
    return code ? std::string(to_string(*code)) : "-";
}

// For an answer, what is stored, what has failed and what is rejected.
std::string answers(std::string_view accept, std::string_view application = {}) {
    std::string out;
    for (const auto event :
         {hl7_event::answered, hl7_event::stored, hl7_event::failed, hl7_event::rejected})
        out += (out.empty() ? "" : " ") + answer(event, accept, application);
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(hl7_answer)

BOOST_AUTO_TEST_CASE(the_original_mode_has_application_acknowledgements) {
    BOOST_TEST(answers("") == "AA AA AE AR");
    BOOST_TEST(answers("\"\"", "\"\"") == "AA AA AE AR"); // HL7's null
    BOOST_TEST(answers("XX") == "AA AA AE AR");
    BOOST_TEST(answers("al") == "AA AA AE AR");
}

BOOST_AUTO_TEST_CASE(the_enhanced_mode_has_what_it_asks_for) {
    struct row {
        std::string_view accept, application, expected;
    };
    const std::vector<row> table{
        {"AL", "", "AA CA CE CR"},   {"AL", "AL", "AA CA CE CR"}, {"AL", "NE", "AA CA CE CR"},
        {"AL", "ER", "AA CA CE CR"}, {"AL", "SU", "AA CA CE CR"}, {"ER", "", "AA - CE CR"},
        {"ER", "AL", "AA - CE CR"},  {"ER", "NE", "AA - CE CR"},  {"SU", "", "AA CA - -"},
        {"SU", "AL", "AA CA AE AR"}, {"SU", "ER", "AA CA AE AR"}, {"SU", "NE", "AA CA - -"},
        {"NE", "", "AA - - -"},      {"NE", "AL", "AA - AE AR"},  {"NE", "ER", "AA - AE AR"},
        {"NE", "SU", "AA - - -"},    {"NE", "NE", "AA - - -"},    {"", "AL", "AA AA AE AR"},
        {"", "ER", "AA AA AE AR"},   {"", "NE", "AA AA - -"},     {"", "SU", "AA AA - -"},
    };
    for (const row& each : table)
        BOOST_TEST(answers(each.accept, each.application) == each.expected,
                   each.accept << ' ' << each.application << ": "
                               << answers(each.accept, each.application));
}

BOOST_AUTO_TEST_CASE(what_is_no_hl7_is_rejected) {
    for (const auto event : {hl7_event::answered, hl7_event::stored, hl7_event::rejected})
        BOOST_TEST((finpost::detail::hl7_answer(event, nullptr) == hl7_code::ar));
    // It may be HL7, of which nothing was read.
    BOOST_TEST((finpost::detail::hl7_answer(hl7_event::failed, nullptr) == hl7_code::ae));
}

BOOST_AUTO_TEST_CASE(a_reason_is_about_the_message_or_about_the_service) {
    const std::vector<reason> rejected{
        reason::empty,           reason::too_large,        reason::bad_encoding,
        reason::receive_timeout, reason::too_slow,         reason::denied,
        reason::tls_handshake,   reason::tls_truncated,    reason::proxy_protocol,
        reason::foreign,         reason::incomplete_frame, reason::bad_frame};
    for (const reason each : all_reasons) {
        const bool found = std::find(rejected.begin(), rejected.end(), each) != rejected.end();
        BOOST_TEST((hl7_event_of(each) == (found ? hl7_event::rejected : hl7_event::failed)),
                   to_string(each));
    }
}

BOOST_AUTO_TEST_CASE(the_text_is_there_when_a_code_is) {
    const auto id = request_id::generate();
    hl7_header sent;
    sent.control_id = "42";
    const auto text =
        hl7_answer_text(hl7_event::failed, &sent, "busy", id, std::chrono::system_clock::now());
    BOOST_REQUIRE(text.has_value());
    BOOST_TEST(text->find("|" + hl7_control_id(id) + "|") != text->npos);
    BOOST_TEST(text->ends_with("\rMSA|AE|42|busy\r"));
    sent.accept_when = "NE";
    BOOST_TEST(!hl7_answer_text(hl7_event::failed, &sent, "busy", id, {}).has_value());
}

BOOST_AUTO_TEST_CASE(a_body_that_is_hl7_has_to_be_about_this_message) {
    hl7_header sent;
    sent.control_id = "42";
    const auto judged = [&](std::string_view body) { return judge_hl7_body(sent, body); };
    const std::string msh = "MSH|^~\\&|A|B|C|D|||ACK|1|P|2.3\r";
    BOOST_TEST((judged(msh + "MSA|AA|42\r") == hl7_body::relayed));
    BOOST_TEST((judged(msh + "MSA|AR|42|no\r") == hl7_body::relayed));
    BOOST_TEST((judged(msh + "MSA|AA|43\r") == hl7_body::invalid));
    BOOST_TEST((judged(msh + "MSA|AA\r") == hl7_body::invalid));
    BOOST_TEST((judged(msh + "PID|1\r") == hl7_body::invalid));
    BOOST_TEST((judged("") == hl7_body::acknowledged));
    BOOST_TEST((judged("{\"ok\":true}") == hl7_body::acknowledged));
    sent.control_id.clear();
    BOOST_TEST((judged(msh + "MSA|AA\r") == hl7_body::relayed));
    BOOST_TEST((judged(msh) == hl7_body::invalid));
}

BOOST_AUTO_TEST_SUITE_END()
