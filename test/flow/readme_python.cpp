// The Python programs of README.md do what it says, as they stand there.
#include "support/tls_gateway.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

using namespace finpost;
using namespace finpost::test;

namespace {

// The Python block of the page that has this in it.
std::string program(std::string_view with) {
    std::ifstream file(FINPOST_README);
    std::stringstream all;
    all << file.rdbuf();
    const std::string page = all.str();
    constexpr std::string_view begin = "```python\n";
    for (std::size_t at = page.find(begin); at != page.npos; at = page.find(begin, at)) {
        at += begin.size();
        const std::string code = page.substr(at, page.find("```", at) - at);
        if (code.find(with) != code.npos) return code;
    }
    throw std::runtime_error("README.md has no such program");
}

void put(std::string& code, std::string_view what, const std::string& instead) {
    const std::size_t at = code.find(what);
    BOOST_REQUIRE_MESSAGE(at != code.npos, "the program has no " << what);
    code.replace(at, what.size(), instead);
}

struct fixture : tls_gateway {
    std::string here() const { return "(\"127.0.0.1\", " + std::to_string(address().port()) + ")"; }
    std::string plain() const {
        std::string code = program("s.shutdown(socket.SHUT_WR)");
        put(code, "(\"127.0.0.1\", 5000)", here());
        return code;
    }
    std::string secure() const {
        std::string code = program("ssl.create_default_context");
        put(code, "(\"gateway.plant\", 5443)", here());
        put(code, "\"gateway.plant\"", "\"server.test\"");
        put(code, "plant-ca.pem", made->path("ca.pem"));
        return code;
    }
    // What it printed; and "failed" behind it when it did not end well.
    static std::string run(const std::string& code) {
        child_process python({"python3", "-c", code}, {}, "");
        const bool good = python.wait() == 0;
        if (!good) BOOST_TEST_MESSAGE(python.error());
        return python.output() + (good ? "" : "failed");
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(readme_python, fixture)

BOOST_AUTO_TEST_CASE(the_plain_one_prints_the_answer) {
    if (!have("python3")) return;
    config.tls = {};
    start();
    BOOST_TEST(run(plain()) == "hello");
    upstream.by_default(scripted_upstream::raw(response(200, "")));
    BOOST_TEST(run(plain()) == "");
}

BOOST_AUTO_TEST_CASE(the_one_for_tls_prints_the_answer_and_no_ciphertext) {
    if (!ready() || !have("python3")) return;
    start();
    BOOST_TEST(run(secure()) == "hello");
    std::string large = secure();
    put(large, "b\"hello\"", "b\"hello\" * 1_000_000");
    put(large, "print(answer.decode(), end=\"\")", "print(answer == b\"hello\" * 1_000_000)");
    BOOST_TEST(run(large) == "True\n");
    upstream.by_default(scripted_upstream::raw(response(200, "")));
    BOOST_TEST(run(secure()) == "");
}

BOOST_AUTO_TEST_CASE(the_one_for_tls_does_not_take_a_cut_for_an_answer) {
    if (!ready() || !have("python3")) return;
    config.on_refusal = refusal_style::reset;
    upstream.by_default(scripted_upstream::raw(response(500, "no")));
    start();
    BOOST_TEST(run(secure()) == "failed");
}

BOOST_AUTO_TEST_SUITE_END()
