// Sources and functions stay short enough to be read at once.
#include "lint/size_lint.hpp"

#include <boost/test/unit_test.hpp>

#include <map>

using namespace finpost::test;

namespace {

// A statement a line, between the lines of the function itself.
std::string function(std::size_t lines) {
    std::string text = "int f(int a) {\n";
    for (std::size_t i = 2; i < lines; ++i) text += "    a = 1;\n";
    return text + "}\n";
}

// Where an exchange is followed from the acceptor to the reply.
const std::map<std::string, std::size_t>& limits() {
    static const std::map<std::string, std::size_t> table{
        {"server/src/session/session.cpp", 250},         {"server/src/session/exchange.cpp", 250},
        {"server/src/session/receive.cpp", 250},         {"server/src/gateway.cpp", 250},
        {"server/src/upstream/http_forwarder.cpp", 250}, {"server/src/acceptor.cpp", 250},
    };
    return table;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sizes)

BOOST_AUTO_TEST_CASE(a_long_function_is_found_wherever_it_stands) {
    BOOST_TEST(check_functions(function(50), 50).empty());
    BOOST_TEST(check_functions(function(51), 50).size() == 1u);
    const auto found = check_functions("namespace a {\nint x{1};\nclass b : public c<d()> {\n" +
                                           function(51) + function(50) + "};\n}\n",
                                       50);
    BOOST_REQUIRE(found.size() == 1u);
    BOOST_TEST(found[0].line == 4u);
    BOOST_TEST(found[0].message == "a function of 51 lines, at most 50");
}

BOOST_AUTO_TEST_CASE(the_lines_of_a_class_or_a_table_are_no_function) {
    BOOST_TEST(check_functions("class a {\n" + function(40) + function(40) + "};\n", 50).empty());
    BOOST_TEST(
        check_functions("const table x = make({\n" + std::string(60, '\n') + "});\n", 50).empty());
    BOOST_TEST(check_functions("const int x[] = {\n" + std::string(60, '\n') + "};\n", 50).empty());
}

BOOST_AUTO_TEST_CASE(a_lambda_and_a_block_belong_to_their_function) {
    const std::string inner = "void f() {\n if (a) {\n" + std::string(30, '\n') +
                              "}\n g([&] {\n b(); });\n" + std::string(30, '\n') + "}\n";
    BOOST_TEST(check_functions(inner, 50).size() == 1u);
    BOOST_TEST(
        check_functions("a::a(int b)\n    : c{b}, d(b) {\n" + std::string(50, '\n') + "}\n", 50)
            .size() == 1u);
}

BOOST_AUTO_TEST_CASE(columns_are_characters_and_a_literal_may_be_long) {
    BOOST_TEST(check_columns(std::string(100, 'x') + "\n").empty());
    BOOST_TEST(check_columns("a\n" + std::string(101, 'x') + "\n").size() == 1u);
    BOOST_TEST(check_columns(std::string(99, 'x') + "\xc2\xa7\n").empty());
    BOOST_TEST(check_columns("f(\"" + std::string(120, 'x') + "\");\n").empty());
    BOOST_TEST(check_columns("x = R\"(\n" + std::string(120, 'x') + "\n)\";\n").empty());
    BOOST_TEST(check_columns("a; // " + std::string(120, 'x') + "\n").size() == 1u);
    BOOST_TEST(check_columns("// https://" + std::string(120, 'x') + "\n").empty());
}

BOOST_AUTO_TEST_CASE(every_source_keeps_its_limits) {
    const std::string root = FINPOST_SOURCE_DIR;
    std::size_t seen = 0;
    for (const std::string& path :
         sources_under(root, {"common/src", "common/include", "server", "client"})) {
        const std::string source = read_file(root + '/' + path);
        const auto own = limits().find(path);
        const std::size_t most = own == limits().end() ? 320 : own->second;
        if (path.starts_with("server/src/") && lines_of(source) > most)
            BOOST_ERROR(path << ": " << lines_of(source) << " lines, at most " << most);
        for (const finding& each : check_functions(source, 50))
            BOOST_ERROR(path << ":" << each.line << ": " << each.message);
        for (const finding& each : check_columns(source))
            BOOST_ERROR(path << ":" << each.line << ": " << each.message);
        seen += 1;
    }
    BOOST_TEST(seen > 200u);
}

BOOST_AUTO_TEST_CASE(each_file_with_a_limit_of_its_own_is_there) {
    for (const auto& [path, most] : limits())
        BOOST_TEST(lines_of(read_file(std::string(FINPOST_SOURCE_DIR) + '/' + path)) > 0u, path);
}

BOOST_AUTO_TEST_SUITE_END()
