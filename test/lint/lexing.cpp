#include "lint/cpp_source.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace finpost::test;

namespace {

std::string joined(std::string_view code) {
    std::string out;
    for (const token& each : tokens_of(code)) out += std::string(each.text) + ' ';
    return out;
}

} // namespace

// What the lints see of a source: they are only as good as this.
BOOST_AUTO_TEST_SUITE(lexing)

BOOST_AUTO_TEST_CASE(comments_and_the_insides_of_literals_are_not_code) {
    BOOST_TEST(only_code("a; // b\nc;") == "a;     \nc;");
    BOOST_TEST(only_code("a /* b\n c */ d") == "a     \n      d");
    BOOST_TEST(only_code("f(\"b // c\", 'd')") == "f(\"      \", ' ')");
    BOOST_TEST(only_code(R"(f("a\"b", '\''))") == R"(f("    ", '  '))");
    BOOST_TEST(only_code("x(R\"y(a\nb\")y\");z") == "x(R\"   \n    \");z");
    BOOST_TEST(only_code("10'000 + u'x'") == "10'000 + u'x'");
    BOOST_TEST(only_code("10'000 + 'x'") == "10'000 + ' '");
    BOOST_TEST(only_code("#define A(x) \\\n  x\nb") == "              \n   \nb");
    BOOST_TEST(only_code("a = b # c") == "a = b # c");
    BOOST_TEST(only_code("/* never closed") == "               ");
}

BOOST_AUTO_TEST_CASE(code_is_cut_into_names_numbers_and_punctuation) {
    BOOST_TEST(joined("a->b::c<d<e>>(1'000,x_);") == "a -> b :: c < d < e > > ( 1'000 , x_ ) ; ");
    BOOST_TEST(joined("a==b&&c||!d") == "a == b && c || ! d ");
    const std::vector<token> all = tokens_of("a\n\n b");
    BOOST_TEST(all.size() == 2u);
    BOOST_TEST(all.back().line == 3u);
    BOOST_TEST(is_name(all.back()));
    BOOST_TEST(!is_name(tokens_of("12").front()));
}

BOOST_AUTO_TEST_CASE(includes_are_read_with_their_lines) {
    const auto all = includes_of("#pragma once\n#include <a/b.hpp> // why\n  #  include \"c.hpp\"\n"
                                 "// #include <d>\nint include;\n");
    BOOST_REQUIRE(all.size() == 2u);
    BOOST_TEST(all[0].name == "<a/b.hpp>");
    BOOST_TEST(all[0].line == 2u);
    BOOST_TEST(all[1].name == "\"c.hpp\"");
    BOOST_TEST(all[1].line == 3u);
}

BOOST_AUTO_TEST_CASE(sources_are_found_in_folders_and_below) {
    const auto all = sources_under(FINPOST_SOURCE_DIR, {"common", "test/lint"});
    const auto has = [&](std::string_view path) {
        return std::find(all.begin(), all.end(), path) != all.end();
    };
    BOOST_TEST(has("common/include/finpost/error.hpp"));
    BOOST_TEST(has("test/lint/lexing.cpp"));
    BOOST_TEST(!has("test/lint/CMakeLists.txt"));
    BOOST_CHECK_THROW(read_file("/nowhere/at/all"), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
