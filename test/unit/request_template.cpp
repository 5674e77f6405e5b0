#include "upstream/request_template.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
using namespace finpost::detail;

namespace {

std::string problem_of(std::string_view text) {
    const auto read = parse_template(text);
    return read ? std::string() : read.error().message;
}

std::string written(std::string_view text) {
    std::string out;
    for (const template_piece& one : parse_template(text).value())
        out += one.text + '<' + std::to_string(static_cast<int>(one.value)) + '>';
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(request_template)

BOOST_AUTO_TEST_CASE(text_without_braces_is_one_piece) {
    BOOST_TEST(written("") == "<0>");
    BOOST_TEST(written("/upload?x=1") == "/upload?x=1<0>");
}

BOOST_AUTO_TEST_CASE(every_name_is_known_wherever_it_stands) {
    BOOST_TEST(
        written("{peer.ip}{peer.port}-{local.port}/{request.id}{payload.bytes}!{tls.peer_name}") ==
        "<1><2>-<3>/<4><5>!<6>");
    BOOST_TEST(written("/{peer.ip}") == "/<1>");
}

BOOST_AUTO_TEST_CASE(two_braces_are_one) {
    BOOST_TEST(written("{{peer.ip}}") == "{peer.ip}<0>");
    BOOST_TEST(written("{{{peer.ip}}}") == "{<1>}<0>");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_not_known_is_told_with_those_that_are) {
    const std::string message = problem_of("/{peer}/x");
    BOOST_TEST(message ==
               "\"peer\" in braces is not a name: expected peer.ip, peer.port, local.port, "
               "request.id, payload.bytes or tls.peer_name");
    BOOST_TEST(problem_of("{}") != "");
    BOOST_TEST(problem_of("{ peer.ip }") != "");
}

BOOST_AUTO_TEST_CASE(a_brace_without_its_partner_is_a_problem) {
    for (const char* text : {"{", "}", "{peer.ip", "peer.ip}", "{{}", "{peer.ip}}", "{peer{.ip}}"})
        BOOST_TEST(problem_of(text) != "", text);
}

BOOST_AUTO_TEST_CASE(a_value_adds_no_structure_to_a_path) {
    std::string hostile;
    for (int byte = 0; byte < 256; ++byte) hostile += static_cast<char>(byte);
    std::string path;
    append_path_segment(path, hostile);
    BOOST_TEST(path.find_first_of("/?# \r\n{}\"\\") == path.npos);
    BOOST_TEST(path.starts_with("%00%01"));
    BOOST_TEST(path.ends_with("%FE%FF"));
    std::string plain;
    append_path_segment(plain, "2001:db8::7-A_z~.9");
    BOOST_TEST(plain == "2001:db8::7-A_z~.9");
}

BOOST_AUTO_TEST_CASE(a_value_adds_no_line_to_a_head) {
    std::string field;
    append_field_value(field, "a\r\nX-Evil: 1\0\x7f\xff z");
    BOOST_TEST(field.starts_with("a??X-Evil: 1"));
    std::string all;
    for (int byte = 0; byte < 256; ++byte)
        append_field_value(all, std::string(1, static_cast<char>(byte)));
    BOOST_TEST(all.size() == 256u);
    for (const char c : all) BOOST_TEST((c >= ' ' && c <= '~'));
}

// A client's certificate says the name, and a service may resolve dots in any writing.
BOOST_AUTO_TEST_CASE(a_name_of_dots_is_no_path_segment) {
    for (const char* dots : {".", ".."}) {
        std::string path = "/devices/";
        append_path_segment(path, dots);
        BOOST_TEST(path == "/devices/");
    }
    std::string path;
    append_path_segment(path, "...");
    BOOST_TEST(path == "...");
}

BOOST_AUTO_TEST_SUITE_END()
