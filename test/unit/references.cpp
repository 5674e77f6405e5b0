#include "config/references.hpp"

#include "config/config_file.hpp"
#include "config/option_table.hpp"
#include "support/child_process.hpp"
#include "support/daemon_lines.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::test;

namespace {

using strings = std::vector<std::string>;

// As it stands in the reference of this kind.
std::string written(const option_row& row, std::string_view kind) {
    std::string name(row.flag);
    if (kind == "toml") return "\n# " + row.key();
    if (kind == "schema") return '"' + row.key() + "\": {";
    if (kind == "fish") return " -l " + name.substr(2) + ' ';
    if (kind != "man") return name;
    std::string escaped;
    for (const char c : name) c == '-' ? escaped += "\\-" : escaped += c;
    return "\\fB" + escaped + "\\fR";
}

} // namespace

BOOST_AUTO_TEST_SUITE(references)

BOOST_AUTO_TEST_CASE(every_reference_has_every_flag) {
    for (const std::string_view kind : {"man", "bash", "zsh", "fish", "markdown", "toml", "schema"})
        for (const option_row& row : finpost::option_table()) {
            const std::string name = written(row, kind);
            BOOST_TEST(has(*reference_of(kind), name), kind << " has no " << name);
        }
    BOOST_TEST(!reference_of("html"));
    BOOST_TEST(!reference_of(""));
}

// A line that begins with a dot or a quote is a request.
BOOST_AUTO_TEST_CASE(no_text_of_the_manual_page_is_taken_for_a_request) {
    std::istringstream page(manual_page());
    for (std::string line; std::getline(page, line);) {
        BOOST_TEST(!line.starts_with('\''), line);
        if (!line.starts_with('.')) continue;
        const std::string request = line.substr(0, line.find(' '));
        const strings known{".\\\"", ".TH", ".SH", ".B", ".BR", ".PP", ".TP", ".br"};
        BOOST_TEST((std::find(known.begin(), known.end(), request) != known.end()), line);
    }
}

BOOST_AUTO_TEST_CASE(the_sample_with_its_comments_taken_away_is_read_and_changes_nothing) {
    std::istringstream sample(sample_file());
    std::string file;
    std::size_t settings = 0;
    for (std::string line; std::getline(sample, line);) {
        BOOST_TEST((line.empty() || line.starts_with("# ")), line);
        for (const option_row& row : finpost::option_table())
            if (line.starts_with("# " + row.key() + " = ")) {
                (file += line.substr(2)) += '\n';
                ++settings;
            }
    }
    BOOST_TEST(settings > 50u);
    std::vector<std::string> problems;
    const config_file read = parse_config_file(file, "sample", problems);
    BOOST_TEST(problems == strings(), boost::test_tools::per_element());
    BOOST_TEST(read.top.values.size() == settings);
    daemon_config config;
    for (const auto& [flag, value] : read.top.values) {
        row_of(flag).field.clear(config);
        for (const std::string& text : value.texts)
            BOOST_TEST(row_of(flag).field.set(config, text) == "", flag << ' ' << text);
    }
    BOOST_TEST((config == daemon_config()));
}

BOOST_AUTO_TEST_CASE(the_schema_is_json_and_has_tables) {
    const auto schema = boost::json::parse(file_schema()).as_object();
    const auto& all = schema.at("properties").as_object();
    BOOST_TEST(all.at("max_payload").as_object().at("default").as_string() == "16MiB");
    BOOST_TEST(all.at("demo").as_object().at("type").as_string() == "boolean");
    BOOST_TEST(all.at("frame_tail").as_object().at("enum").as_array().size() == 2u);
    const auto& listener = all.at("listeners").as_object().at("items").as_object();
    BOOST_TEST(listener.at("properties").as_object().contains("upstream"));
    BOOST_TEST(!listener.at("properties").as_object().contains("upstream_timeout"));
    const auto& upstream = all.at("upstreams").as_object().at("additionalProperties").as_object();
    BOOST_TEST(upstream.at("properties").as_object().contains("endpoints"));
}

BOOST_AUTO_TEST_CASE(bash_completes_flags_and_their_words) {
    const temporary_folder folder;
    const std::string script = (folder.path() / "finpostd").string();
    std::ofstream(script) << *reference_of("bash");
    const auto completed = [&](const std::string& words, int at) {
        child_process bash({"bash", "-c",
                            "set -eu; . " + script + "; COMP_WORDS=(" + words + ") COMP_CWORD=" +
                                std::to_string(at) + "; _finpostd; echo \"${COMPREPLY[*]}\""});
        BOOST_TEST((bash.wait() == 0));
        return bash.output();
    };
    BOOST_TEST(completed("finpostd --frame-t", 1) == "--frame-tail\n");
    BOOST_TEST(completed("finpostd --frame-tail ''", 2) == "accept refuse\n");
    BOOST_TEST(completed("finpostd --listen ''", 2) == "\n");
    BOOST_TEST(completed("finpostd --config " + folder.path().string() + "/f", 2) == script + '\n');
}

BOOST_AUTO_TEST_SUITE_END()
