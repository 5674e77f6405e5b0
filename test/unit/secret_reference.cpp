#include "config/secret_reference.hpp"

#include "support/temporary_folder.hpp"
#include "upstream/request_template.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <sys/stat.h>

using namespace finpost;
using namespace finpost::detail;
namespace fs = std::filesystem;

namespace {

using strings = std::vector<std::string>;

struct fixture {
    // A file that its owner alone can read.
    std::string holding(const std::string& bytes) const {
        const std::string path = folder.path() / "secret";
        std::ofstream(path) << bytes;
        fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
        return "{file:" + path + '}';
    }
    finpost::test::temporary_folder folder;
};

// What is sent of it, where it is right and names nothing of an exchange.
std::string sent(const std::string& value) {
    const resolved_value read = resolve_references(value);
    BOOST_TEST(read.problems == strings(), boost::test_tools::per_element());
    const template_pieces pieces = parse_template(read.text).value();
    BOOST_TEST(pieces.size() == 1u);
    BOOST_TEST((pieces[0].value == request_value::none));
    return pieces[0].text;
}

// The one problem of it, without the reference.
std::string problem_of(const std::string& reference) {
    const strings problems = resolve_references(reference).problems;
    BOOST_TEST_REQUIRE(problems.size() == 1u, reference);
    BOOST_TEST(problems[0].starts_with(reference + ": "), problems[0]);
    return problems[0].substr(reference.size() + 2);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(secret_reference, fixture)

BOOST_AUTO_TEST_CASE(a_file_stands_within_a_value_without_its_line_end) {
    for (const char* end : {"", "\n", "\r\n"})
        BOOST_TEST(sent("Bearer " + holding(std::string("a token") + end) + '.') ==
                   "Bearer a token.");
    const std::string twice = holding("b");
    BOOST_TEST(sent(twice + twice) == "bb");
    BOOST_TEST(resolve_references(holding("a")).warnings.empty());
}

BOOST_AUTO_TEST_CASE(a_variable_stands_for_its_value) {
    ::setenv("FINPOST_TEST_SECRET", "s p", 1); // NOLINT(concurrency-mt-unsafe)
    BOOST_TEST(sent("<{env:FINPOST_TEST_SECRET}>") == "<s p>");
    ::setenv("FINPOST_TEST_SECRET", "a\n", 1); // NOLINT(concurrency-mt-unsafe)
    BOOST_TEST(problem_of("{env:FINPOST_TEST_SECRET}").starts_with("byte 2 is not printable"));
    ::setenv("FINPOST_TEST_SECRET", "", 1); // NOLINT(concurrency-mt-unsafe)
    BOOST_TEST(problem_of("{env:FINPOST_TEST_SECRET}") == "is empty");
    ::unsetenv("FINPOST_TEST_SECRET"); // NOLINT(concurrency-mt-unsafe)
    BOOST_TEST(problem_of("{env:FINPOST_TEST_SECRET}") == "is not set");
    BOOST_TEST(problem_of("{env:}") == "the name of a variable is needed");
}

BOOST_AUTO_TEST_CASE(what_was_read_is_no_template) {
    for (const std::string token : {"{request.id}", "{", "}}", "{file:/etc/passwd}", "{{x"})
        BOOST_TEST(sent('<' + holding(token) + '>') == '<' + token + '>');
}

BOOST_AUTO_TEST_CASE(everything_else_is_left_to_the_template) {
    for (const char* value : {"", "plain", "{peer.ip}", "{{file:/x}}", "{{{{env:X}}}}", "}{",
                              "{file:/x", "{file:/x{", "{File:/x}", "{ file:/x}"}) {
        const resolved_value read = resolve_references(value);
        BOOST_TEST(read.text == value);
        BOOST_TEST(read.problems.empty());
        BOOST_TEST(referenced_files(value).empty(), value);
    }
    BOOST_TEST(sent("{{" + holding("a") + "}}") == "{a}");
}

BOOST_AUTO_TEST_CASE(one_line_end_at_the_end_is_the_only_control_byte) {
    BOOST_TEST(problem_of(holding("a\n\n")).starts_with("byte 2 is not printable ASCII"));
    BOOST_TEST(problem_of(holding("a\r")).starts_with("byte 2 "));
    BOOST_TEST(problem_of(holding("a\nb")).starts_with("byte 2 "));
    BOOST_TEST(problem_of(holding(std::string("\0b", 2))).starts_with("byte 1 "));
    BOOST_TEST(problem_of(holding("ab\x7f")).starts_with("byte 3 "));
    BOOST_TEST(problem_of(holding("\xc3\xa4")).starts_with("byte 1 "));
}

BOOST_AUTO_TEST_CASE(an_empty_file_is_a_problem) {
    for (const char* bytes : {"", "\n", "\r\n"})
        BOOST_TEST(problem_of(holding(bytes)) == "is empty");
}

BOOST_AUTO_TEST_CASE(a_file_has_64_kib_at_the_most) {
    const std::string most(64u << 10, 'a');
    BOOST_TEST(sent(holding(most)) == most);
    BOOST_TEST(problem_of(holding(most + '\n')) == "is larger than 64 KiB");
}

BOOST_AUTO_TEST_CASE(only_a_regular_file_is_read_and_none_is_waited_for) {
    const std::string fifo = folder.path() / "fifo";
    BOOST_TEST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    for (const std::string& path : {fifo, std::string("/dev/null"), folder.path().string()})
        BOOST_TEST(problem_of("{file:" + path + '}') == "is not a regular file");
    BOOST_TEST(problem_of("{file:/nowhere/x}") == "cannot be read: No such file or directory");
    BOOST_TEST(problem_of("{file:}") == "the path of a file is needed");
    const std::string odd("{file:/etc\0/x}", 14);
    BOOST_TEST(resolve_references(odd).problems.at(0) ==
               "{file:/etc\\x00/x}: the path of a file is needed");
}

BOOST_AUTO_TEST_CASE(a_file_that_everybody_can_read_is_a_warning) {
    const std::string reference = holding("a");
    const std::string path = folder.path() / "secret";
    ::chmod(path.c_str(), 0640);
    BOOST_TEST(resolve_references(reference).warnings.empty());
    ::chmod(path.c_str(), 0604);
    const resolved_value read = resolve_references(reference);
    BOOST_TEST(read.text == "a");
    BOOST_TEST_REQUIRE(read.warnings.size() == 1u);
    BOOST_TEST(read.warnings[0] == reference + ": every user of this machine can read the file");
}

BOOST_AUTO_TEST_CASE(every_problem_is_told) {
    const auto read = resolve_references("{file:/nowhere/a} {file:/nowhere/b}{env:FINPOST_NOBODY}");
    BOOST_TEST(read.problems.size() == 3u);
    BOOST_TEST(referenced_files("{file:/a} {{file:/c}} {env:B}{file:/b}") == (strings{"/a", "/b"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_value_that_only_refers_shows_nothing) {
    for (const char* value : {"{file:/x}", "{env:X}", "Bearer {file:/x}", "Basic {env:X}"})
        BOOST_TEST(only_refers(value), value);
    for (const char* value : {"", "hush", "hush {file:/x}", "{file:/x}hush", "{{file:/x}}",
                              "{file:/x}{file:/y}", "{peer.ip}"})
        BOOST_TEST(!only_refers(value), value);
}

BOOST_AUTO_TEST_SUITE_END()
