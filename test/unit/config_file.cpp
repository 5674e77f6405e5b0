#include "config/config_file.hpp"

#include "config/configure.hpp"
#include "config/effective_config.hpp"
#include "config/option_table.hpp"
#include "good_values.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

using namespace finpost;
namespace fs = std::filesystem;

namespace {

using strings = std::vector<std::string>;

std::string content(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string all(const strings& lines) {
    std::string text;
    for (const std::string& one : lines) text += one + '\n';
    return text;
}

strings problems_of(const std::string& text, const std::string& name = "finpost.toml") {
    strings problems;
    const auto file = parse_config_file(text, name, problems);
    if (problems.empty())
        configure({}, file, problems);
    else if (all(problems).find("[not TOML]") == std::string::npos)
        configure({}, file, problems);
    return problems;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

daemon_config config_of(const std::string& text) {
    strings problems;
    const auto file = parse_config_file(text, "finpost.toml", problems);
    const daemon_config config = configure({}, file, problems);
    BOOST_TEST(all(problems) == "", text);
    return config;
}

std::vector<fs::path> files_in(const char* folder) {
    std::vector<fs::path> files;
    for (const auto& one : fs::directory_iterator(fs::path(FINPOST_SOURCE_DIR) / folder))
        files.push_back(one.path());
    std::sort(files.begin(), files.end());
    BOOST_REQUIRE(!files.empty());
    return files;
}

// The lines of a fixture that say what is wrong with it.
strings expected_problems(const std::string& text) {
    constexpr std::string_view sign = "# problem: ";
    strings expected;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(sign)) expected.push_back(line.substr(sign.size()));
    return expected;
}

// But for how it was written, and for what the long form leaves unused.
bool same(daemon_config a, daemon_config b) {
    a.written = b.written = {};
    return a == b;
}

// Good only together, and with the files they name: test/flow/finpostd_tls.cpp.
bool is_about_tls(std::string_view flag) {
    for (const std::string_view one :
         {"--tls-cert", "--tls-key", "--tls-client-ca", "--tls-client-auth", "--upstream-ca",
          "--upstream-cert", "--upstream-key", "--upstream-server-name", "--upstream-insecure"})
        if (flag == one) return true;
    return false;
}

given_values some_of(option_scope scope, std::mt19937& random) {
    given_values given;
    for (const option_row& row : option_table()) {
        const strings values = good_values(row);
        if (row.scope() != scope || row.flag == "--demo" || is_about_tls(row.flag) ||
            random() % 2 == 0)
            continue;
        given[row.flag] = {{values[random() % values.size()]}, std::string(row.flag)};
        if (row.flag == "--path") given[row.flag].texts = {values.back()};
    }
    given.erase("--delivery");       // which needs a directory
    given.erase("--delivery-order"); // one for all upstreams
    for (const char* const flag :
         {"--queue-database", "--queue-password-file", "--queue-database-unsafe"})
        given.erase(flag); // beside a directory
    // They do not go together.
    if (given.contains("--frame") || given.contains("--reply-frame"))
        for (const char* const form :
             {"--reply-format", "--reply-template", "--refusal-template", "--receipt-template"})
            given.erase(form);
    for (const char* const flag :
         {"--frame", "--reply-frame", "--reply-format", "--reply-template"})
        if (given.contains(flag)) {
            given.erase("--stream-above");
            given.erase("--encode");
        }
    return given;
}

} // namespace

BOOST_AUTO_TEST_SUITE(config_file)

BOOST_AUTO_TEST_CASE(every_valid_file_is_read_without_a_complaint) {
    for (const fs::path& file : files_in("test/config/valid")) {
        BOOST_TEST_CONTEXT(file.filename().string()) {
            BOOST_TEST(all(problems_of(content(file))) == "");
        }
    }
}

BOOST_AUTO_TEST_CASE(every_invalid_file_is_told_all_its_problems_with_line_and_key) {
    for (const fs::path& file : files_in("test/config/invalid")) {
        BOOST_TEST_CONTEXT(file.filename().string()) {
            const std::string text = content(file);
            const strings expected = expected_problems(text);
            const strings problems = problems_of(text, "x.toml");
            BOOST_TEST(!expected.empty());
            BOOST_TEST(problems.size() == expected.size(), all(problems));
            for (const std::string& one : expected) {
                const std::string start = one.starts_with("--") ? one : "x.toml:" + one;
                const bool told = std::any_of(problems.begin(), problems.end(), [&](auto& problem) {
                    return problem.starts_with(start);
                });
                BOOST_TEST(told, one << "\nnot in:\n" << all(problems));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_example_of_the_repository_is_valid) {
    std::size_t blocks = 0;
    const fs::path root = FINPOST_SOURCE_DIR;
    const auto check = [&](const std::string& text, const std::string& name) {
        ++blocks;
        BOOST_TEST_CONTEXT(name << ":\n" << text) { BOOST_TEST(all(problems_of(text)) == ""); }
    };
    const auto look_at = [&](const fs::path& file) {
        if (file.extension() == ".toml") return check(content(file), file.string());
        if (file.extension() != ".md") return;
        std::istringstream lines(content(file));
        std::string block;
        bool inside = false;
        for (std::string line; std::getline(lines, line);) {
            if (inside && line == "```") check(block, file.string());
            if (inside && line != "```") block += line + '\n';
            if (line == "```toml") block.clear();
            inside = line == "```toml" || (inside && line != "```");
        }
    };
    for (const auto& one : fs::directory_iterator(root)) look_at(one.path());
    for (const char* folder : {"server", "client", "docker", "test"})
        for (const auto& one : fs::recursive_directory_iterator(root / folder))
            if (one.path().string().find("/config/invalid/") == std::string::npos)
                look_at(one.path());
    BOOST_TEST(blocks >= 7u);
}

BOOST_AUTO_TEST_CASE(the_tables_reach_their_listeners_and_upstreams) {
    const auto config =
        config_of(content(fs::path(FINPOST_SOURCE_DIR) / "test/config/valid/long.toml"));
    BOOST_REQUIRE((config.listeners.size() == 2u && config.upstreams.size() == 2u));
    const listener_config &a = config.listeners[0], &b = config.listeners[1];
    BOOST_TEST((a.upstream == "orders" && b.upstream == "labs"));
    BOOST_TEST((a.gateway.decode == codec::base64 && b.gateway.decode == codec::none));
    BOOST_TEST((a.gateway.max_connections == 500u && b.gateway.max_connections == 10'000u));
    BOOST_TEST((a.gateway.max_buffered == 2u << 30 && b.gateway.max_buffered == 2u << 30));
    BOOST_TEST((b.gateway.listen.size() == 2u && b.gateway.on_refusal == refusal_style::close));
    const auto orders = std::find_if(config.upstreams.begin(), config.upstreams.end(),
                                     [](const auto& one) { return one.name == "orders"; });
    BOOST_REQUIRE((orders != config.upstreams.end()));
    BOOST_TEST(orders->config.endpoints.size() == 2u);
    BOOST_TEST(orders->config.path == "/orders/{request.id}");
    BOOST_REQUIRE(orders->config.headers.size() == 2u);
    BOOST_TEST((orders->config.headers[1] == http_header{"X-Device", "{peer.ip}"}));
}

BOOST_AUTO_TEST_CASE(a_flag_wins_over_the_file_in_every_table) {
    strings problems;
    const auto file = parse_config_file("[[listeners]]\nlisten = '127.0.0.1:0'\nmax_payload = 1\n"
                                        "[[listeners]]\nlisten = '127.0.0.1:0'\n"
                                        "[upstreams.a]\nendpoints = 'http://127.0.0.1'\n",
                                        "x.toml", problems);
    const given_values given{{"--max-payload", {{"4KiB"}, "--max-payload"}}};
    const auto config = configure(given, file, problems);
    BOOST_TEST(all(problems) == "");
    for (const listener_config& one : config.listeners)
        BOOST_TEST(one.gateway.max_payload == 4096u);
    configure({{"--listen", {{"127.0.0.1:0"}, "--listen"}}}, file, problems);
    BOOST_TEST(
        all(problems).starts_with("--listen: cannot stand beside a file with [[listeners]]"));
    problems.clear();
    configure({{"--max-payload", {{"4x"}, "--max-payload"}}}, file, problems);
    BOOST_TEST(problems.size() == 1u); // and not once a table
}

BOOST_AUTO_TEST_CASE(what_is_shown_is_a_file_that_says_the_same) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        struct config_file said;
        const bool tables = round % 2 == 1;
        said.top.values = some_of(option_scope::process, random);
        if (tables) {
            said.upstreams.resize(1 + random() % 3);
            said.listeners.resize(1 + random() % 3);
            for (std::size_t i = 0; i < said.upstreams.size(); ++i) {
                said.upstreams[i].values = some_of(option_scope::upstream, random);
                said.upstreams[i].values["--upstream"] = {{"http://127.0.0.1:3000"}, "x"};
                said.upstreams[i].name.texts = {"up-" + std::to_string(i)};
            }
            for (file_table& one : said.listeners) {
                one.values = some_of(option_scope::listener, random);
                one.values["--listen"] = {{"127.0.0.1:0"}, "x"};
                one.name.texts = {"up-" + std::to_string(random() % said.upstreams.size())};
            }
        } else {
            said.top.values.merge(some_of(option_scope::listener, random));
            said.top.values.merge(some_of(option_scope::upstream, random));
            said.top.values["--upstream"] = {{"http://127.0.0.1:3000"}, "x"};
        }
        strings problems;
        const daemon_config first = configure({}, said, problems);
        BOOST_TEST_REQUIRE(all(problems) == "");
        const std::string shown = effective_config(first);
        const daemon_config second = config_of(shown);
        BOOST_TEST_REQUIRE(same(first, second), shown);
        const std::string again = effective_config(second);
        BOOST_TEST(again.size() > 200u);
        BOOST_TEST(effective_config(config_of(again)) == again);
    }
}

BOOST_AUTO_TEST_CASE(what_proves_who_sends_is_masked) {
    const auto config = config_of("upstream = 'http://127.0.0.1:3000'\n"
                                  "header = ['Authorization: Bearer hush', 'X-Api-Key: hush', "
                                  "'Cookie: hush', 'X-Site: Berlin']\n");
    const std::string shown = effective_config(config);
    BOOST_TEST((shown.find("hush") == shown.npos), shown);
    BOOST_TEST((shown.find("X-Site: Berlin") != shown.npos), shown);
    config_of(shown); // and still a file
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_the_only_problem) {
    strings problems;
    load_config({}, "/nowhere/finpost.toml", problems);
    BOOST_TEST(all(problems) ==
               "/nowhere/finpost.toml: cannot be read: No such file or directory\n");
    problems.clear();
    load_config({}, "/", problems);
    BOOST_TEST(all(problems) == "/: cannot be read: Is a directory\n");
}

BOOST_AUTO_TEST_CASE(any_bytes_are_read_or_told) {
    std::mt19937 random(11);
    const std::string good = content(fs::path(FINPOST_SOURCE_DIR) / "test/config/valid/long.toml");
    for (int round = 0; round < 2000; ++round) {
        std::string text = good;
        for (int i = 0; i < 3; ++i) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0)
                text[at] = static_cast<char>(random());
            else
                text.erase(at, random() % 20);
        }
        for (const std::string& problem : problems_of(text))
            BOOST_TEST(problem.find('\n') == problem.npos, problem);
    }
}

// toml++ goes down one call a part, and 40,000 of them end the process.
BOOST_AUTO_TEST_CASE(a_deep_key_is_a_problem_and_not_the_end) {
    const auto repeated = [](const std::string& what, std::size_t n) {
        std::string text;
        for (std::size_t i = 0; i < n; ++i) text += what;
        return text;
    };
    const std::string three(3, '\'');
    for (const std::size_t n : {20u, 40'000u}) {
        for (const std::string& text :
             {"demo = true\n[a" + repeated(".a", n) + "]\n", "a" + repeated(" . a", n) + " = 1\n",
              "a" + repeated(".\"a\"", n) + " = 1\n", "a" + repeated(".'\\'", n) + " = 1\n",
              "x = " + repeated("{a.b = ", n) + '1' + repeated("}", n),
              "x = " + repeated("[", n) + repeated("]", n),
              "s = \"\"\"\na\"\"\"\"\"\na" + repeated(".a", n) + " = 1\n",
              "s = " + three + '\\' + three + "\na" + repeated(".a", n) + " = 1\n"}) {
            BOOST_TEST(has(all(problems_of(text)), "[too deep]"), text.substr(0, 60));
        }
    }
    // Dots are no depth where they are text.
    BOOST_TEST(
        all(problems_of("demo = true\n"
                        "header = [\"X-A: 1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20\"]\n"
                        "# a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v\n")) == "");
}

// What is in the file must not move the cursor of whoever reads about it, nor make a second line.
BOOST_AUTO_TEST_CASE(a_message_has_no_control_bytes_of_the_file) {
    for (const std::string text :
         {"a = tru\x1b[31mX\n", "demo = tr\n", "\"a\\u001bb\" = 1\n", "x = \"\x01\"\n",
          "admin = \"*:\\u001b[31m\"\n",
          "[upstreams.\"a\\nb\"]\nendpoints = 1\n[[listeners]]\nupstream = \"c\\u001bd\"\n",
          "demo = true\nspill_dir = \"/tmp/\\u0007\"\n"}) {
        const strings problems = problems_of(text, "fin\x1bpost.toml");
        BOOST_TEST(!problems.empty(), text);
        for (const std::string& one : problems)
            BOOST_TEST(
                std::all_of(one.begin(), one.end(), [](char c) { return c >= ' ' && c <= '~'; }),
                one);
    }
}

BOOST_AUTO_TEST_CASE(a_nul_in_a_path_is_a_problem) {
    for (const std::string key : {"log_file", "spill_dir", "tls_cert", "upstream_ca"}) {
        const std::string text =
            all(problems_of("demo = true\n" + key + " = \"/tmp/a\\u0000b\"\n"));
        BOOST_TEST(has(text, "holds a NUL"), key << ": " << text);
    }
}

BOOST_AUTO_TEST_CASE(secrets_are_masked_under_whatever_name) {
    const auto shown = effective_config(config_of(
        "upstream = \"http://h/hook?token=SECRET\"\n"
        "header = [\"X-Pass: SECRET\", \"x-pwd: SECRET\", \"Bearer: SECRET\", \"X-JWT: SECRET\", "
        "\"X-Pin: SECRET\", \"DevicePin: SECRET\", \"X-Shipping: plain\"]\n"
        "health_path = \"/health?key=SECRET\"\n"));
    BOOST_TEST(!has(shown, "SECRET"), shown);
    BOOST_TEST(has(shown, "X-Shipping: plain"), shown);
    BOOST_TEST(has(shown, "http://h/hook?token=********"), shown);
}

BOOST_AUTO_TEST_CASE(a_reference_is_read_and_shown_as_it_was_written) {
    const finpost::test::temporary_folder folder;
    const std::string path = folder.path() / "token";
    std::ofstream(path) << "SE{CRET}\n";
    fs::permissions(path, fs::perms::owner_read | fs::perms::others_read);
    const std::string reference = "{file:" + path + '}';
    const std::string head = "[[listeners]]\nlisten = \"127.0.0.1:0\"\n[upstreams.a]\nendpoints = "
                             "\"http://127.0.0.1:1\"\n";
    const auto config =
        config_of(head + "[upstreams.a.headers]\nAuthorization = \"Bearer " + reference +
                  "\"\nX-Site = \"<" + reference + ">\"\nX-Key = \"hush " + reference + "\"\n");
    std::map<std::string, std::string> values; // templates
    for (const http_header& header : config.upstreams.at(0).config.headers)
        values[header.name] = header.value;
    BOOST_TEST(values["Authorization"] == "Bearer SE{{CRET}}");
    BOOST_TEST(values["X-Site"] == "<SE{{CRET}}>");
    const std::string shown = effective_config(config);
    BOOST_TEST(!has(shown, "CRET"), shown);
    BOOST_TEST(!has(shown, "hush"), shown);
    BOOST_TEST(has(shown, "\"Authorization: Bearer " + reference + '"'), shown);
    BOOST_TEST(has(shown, "\"X-Site: <" + reference + ">\""), shown);
    BOOST_TEST(has(all(config.written.warnings), "finpost.toml:5: headers: \"Authorization\": " +
                                                     reference + ": every user of this machine"));
}

BOOST_AUTO_TEST_CASE(a_reference_that_leads_nowhere_is_a_problem_of_its_line) {
    BOOST_TEST(
        all(problems_of("[[listeners]]\nlisten = \":0\"\n[upstreams.a]\nendpoints = \"http://h\"\n"
                        "headers = { X-A = \"{file:/nowhere/token}{env:FINPOST_NOBODY}\" }\n")) ==
        "finpost.toml:5: headers: \"X-A\": {file:/nowhere/token}: cannot be read: No such file "
        "or directory\n"
        "finpost.toml:5: headers: \"X-A\": {env:FINPOST_NOBODY}: is not set\n");
    // A path is no place for a secret.
    BOOST_TEST(has(all(problems_of("upstream = \"http://h\"\npath = \"/{file:/etc/token}\"\n")),
                   "in braces is not a name"));
}

BOOST_AUTO_TEST_CASE(tables_that_listen_on_parts_of_each_other_are_a_problem) {
    const std::string text = all(problems_of(
        "[[listeners]]\nlisten = \"127.0.0.1:5000\"\n[[listeners]]\nlisten = \"0.0.0.0:5000\"\n"
        "[upstreams.a]\nendpoints = \"http://127.0.0.1:1/\"\n"));
    BOOST_TEST(has(text, "finpost.toml:4: listen: 0.0.0.0:5000 is in an earlier table as well"),
               text);
}

BOOST_AUTO_TEST_SUITE_END()
