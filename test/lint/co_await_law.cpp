#include "lint/co_await_lint.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost::test;

namespace {

// The faults of the body of a coroutine, by line, and nothing when it keeps the law.
std::string faults(std::string_view body) {
    const std::string source =
        "namespace x {\nasio::awaitable<void> f(int a) {\n" + std::string(body) + "\n}\n}\n";
    std::string all;
    for (const finding& each : check_co_await(source))
        all += std::to_string(each.line - 2) + ": " + each.message + '\n';
    return all;
}

bool is_flagged(std::string_view body, std::string_view why) {
    const std::string all = faults(body);
    if (all.find(why) != all.npos) return true;
    BOOST_TEST_MESSAGE(body << " gave " << (all.empty() ? "nothing" : all));
    return false;
}

} // namespace

BOOST_AUTO_TEST_SUITE(co_await_law)

BOOST_AUTO_TEST_CASE(the_one_form_is_accepted) {
    for (const std::string_view body :
         {"co_await f(a, b);",
          "co_await f();",
          "auto x = co_await f(a);",
          "auto [ec, n] = co_await f(a, as_result);",
          "const auto& x = co_await f(a);",
          "result<std::map<int, long>> x = co_await f(a);",
          "std::size_t* x = co_await f(a);",
          "failed = co_await f(a);",
          "now.status_ = co_await f(a);",
          "this->x = co_await f(a);",
          "asio::any_io_executor e = co_await asio::this_coro::executor;",
          "co_await self->socket().async_wait(tcp::socket::wait_read, as_result);",
          "auto [ec] = co_await timer.async_wait(\n    asio::as_tuple(asio::use_awaitable));",
          "co_await f<int, long>(a[i], std::move(b), c + 1, *d, \"{?\");",
          "co_await ::f(a);",
          "if (a < b) co_await f(a);\nelse co_await g(b);",
          "for (const auto& x : all) co_await f(x);",
          "while (more()) { auto x = co_await f(a); g(x); }",
          "switch (a) {\ncase x::y: co_await f(a); break;\ndefault: co_await g(a);\n}",
          "if constexpr (a) co_await f(a);",
          "try { co_await f(a); } catch (const error& e) { g(e); }\nco_await h(a);",
          "auto x = a ? b : c;\nco_await f(x);",
          "post(strand, [self] { self->x(); });\nco_await f(a);",
          "thing x{1, {2}};\nco_await f(x);",
          "auto g = [&](int b) -> asio::awaitable<void> { co_await f(b); };\nco_await g(1);",
          "return; // co_await (f() ? a : b)\n/* co_await f({}) */ g(\"co_await f({})\");",
          "struct local { int x = 1; };\nauto y = co_await f(a);"})
        BOOST_TEST(faults(body) == "", body << "\n" << faults(body));
}

BOOST_AUTO_TEST_CASE(a_lambda_beside_it_is_flagged) {
    BOOST_TEST(is_flagged("co_await f([&] { g(); });", "a lambda"));
    BOOST_TEST(is_flagged("auto x = co_await f(a, [b] { g(b); }, c);", "a lambda"));
    BOOST_TEST(is_flagged("co_await f([] {});", "a lambda"));
    BOOST_TEST(is_flagged("auto x = g([&] { h(); }) + co_await f(a);", "not of the form"));
    BOOST_TEST(is_flagged("co_await [&]() -> awaitable<void> { co_return; }();", "followed by"));
}

BOOST_AUTO_TEST_CASE(a_temporary_built_with_braces_is_flagged) {
    BOOST_TEST(is_flagged("co_await f(options{1, \"x\"});", "built with braces"));
    BOOST_TEST(is_flagged("co_await f({1, 2});", "built with braces"));
    BOOST_TEST(is_flagged("auto x = co_await f(a, g(std::string{}));", "built with braces"));
}

BOOST_AUTO_TEST_CASE(the_braces_of_an_initialiser_are_flagged) {
    BOOST_TEST(is_flagged("thing x{co_await f(a)};", "braces of a value"));
    BOOST_TEST(is_flagged("thing x{1, co_await f(a), 2};", "braces of a value"));
    BOOST_TEST(is_flagged("thing x = {co_await f(a)};", "braces of a value"));
    BOOST_TEST(is_flagged("g(thing{co_await f(a)});", "braces of a value"));
}

BOOST_AUTO_TEST_CASE(a_choice_beside_it_is_flagged) {
    BOOST_TEST(is_flagged("auto x = c ? co_await f(a) : b;", "?: beside"));
    BOOST_TEST(is_flagged("auto x = co_await f(c ? a : b);", "?: beside"));
    BOOST_TEST(is_flagged("auto x = co_await f(a) ? b : c;", "?: beside"));
}

BOOST_AUTO_TEST_CASE(a_condition_is_flagged) {
    constexpr auto within = "within parentheses";
    BOOST_TEST(is_flagged("if (co_await f(a)) g();", within));
    BOOST_TEST(is_flagged("if (auto x = co_await f(a); x) g();", within));
    BOOST_TEST(is_flagged("while (co_await f(a)) {}", within));
    BOOST_TEST(is_flagged("do { g(); } while (co_await f(a));", within));
    BOOST_TEST(is_flagged("switch (co_await f(a)) {}", within));
    BOOST_TEST(is_flagged("for (auto x : co_await f(a)) g(x);", within));
    BOOST_TEST(is_flagged("for (int i = 0; co_await f(a); ++i) {}", within));
    BOOST_TEST(is_flagged("if (x) if (co_await f(a)) g();", within));
}

BOOST_AUTO_TEST_CASE(a_second_one_is_flagged) {
    BOOST_TEST(is_flagged("auto x = co_await f(co_await g(a));", "a second co_await"));
    BOOST_TEST(is_flagged("auto x = co_await f(a), y = co_await g(b);", "1: "));
    BOOST_TEST(is_flagged("co_await f(a), co_await g(b);", "1: "));
    BOOST_TEST(faults("co_await f(a); co_await g(b);") == "");
}

BOOST_AUTO_TEST_CASE(anything_computed_with_it_is_flagged) {
    BOOST_TEST(is_flagged("g(co_await f(a));", "within parentheses"));
    BOOST_TEST(is_flagged("(co_await f(a)).value();", "within parentheses"));
    BOOST_TEST(is_flagged("x[co_await f(a)] = 1;", "within parentheses"));
    BOOST_TEST(is_flagged("BOOST_TEST(co_await f(a));", "within parentheses"));
    BOOST_TEST(is_flagged("auto x = co_await f(a) + 1;", "computed"));
    BOOST_TEST(is_flagged("auto x = co_await f(a) < 5;", "computed"));
    BOOST_TEST(is_flagged("co_await (f(a) || g(a));", "not followed by a name"));
    BOOST_TEST(is_flagged("co_await f(a) || g(a);", "computed"));
    BOOST_TEST(is_flagged("auto x = !co_await f(a);", "not of the form"));
    BOOST_TEST(is_flagged("x += co_await f(a);", "not of the form"));
    BOOST_TEST(is_flagged("co_return co_await f(a);", "not of the form"));
    BOOST_TEST(is_flagged("return co_await f(a);", "not of the form"));
}

BOOST_AUTO_TEST_CASE(what_a_macro_hides_is_flagged) {
    BOOST_TEST(check_co_await("#define WAIT(x) \\\n    co_await x\n").size() == 1u);
    BOOST_TEST(check_co_await("#define WAIT(x) x\nco_await f();\n").empty());
}

BOOST_AUTO_TEST_CASE(a_finding_names_its_line) {
    BOOST_TEST(faults("g();\nco_await f(a);\nif (a) {\n    co_await f({});\n}\nh();") ==
               "4: a temporary built with braces beside co_await\n");
    BOOST_TEST(faults("auto x = // why\n    co_await\n    f({});") ==
               "2: a temporary built with braces beside co_await\n");
}

BOOST_AUTO_TEST_CASE(every_source_keeps_the_law) {
    const std::string root = FINPOST_SOURCE_DIR;
    std::size_t seen = 0;
    for (const std::string& path : sources_under(root, {"common", "server", "client", "test"})) {
        const std::string source = read_file(root + '/' + path);
        const std::string code = only_code(source);
        for (const token& each : tokens_of(code)) seen += each == "co_await" ? 1 : 0;
        for (const finding& each : check_co_await(source))
            BOOST_ERROR(path << ":" << each.line << ": " << each.message);
    }
    BOOST_TEST(seen > 20u); // it has read what it should read
}

BOOST_AUTO_TEST_SUITE_END()
