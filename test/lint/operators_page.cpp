// The operator's page of server/README.md names what the code says, all of it and nothing else.
#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using words = std::set<std::string>;

/// What one event is logged with, wherever it is logged.
struct event_use {
    words levels, keys;
    bool operator==(const event_use&) const = default;
};
using events = std::map<std::string, event_use>;

words all_matches(const std::string& text, const std::regex& pattern) {
    words out;
    for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i)
        out.insert((*i)[1]);
    return out;
}

// From here to the end of the statement, as far as a log call goes.
std::string statement_at(const std::string& source, std::size_t begin) {
    return source.substr(begin, source.find(";\n", begin) - begin);
}

// Fields stand in the call itself, or in an array made just before it.
void add_events_of(const std::string& source, events& into) {
    static const std::regex place(R"re(log_level::(\w+),\s*"([^"]+)"|array<log_field)re");
    static const std::regex key(R"re(\{\s*"([a-z_]+)",)re");
    words prepared;
    for (std::sregex_iterator i(source.begin(), source.end(), place), end; i != end; ++i) {
        const auto begin = static_cast<std::size_t>(i->position());
        const words keys = all_matches(statement_at(source, begin), key);
        if (!(*i)[2].matched) {
            prepared = keys;
            continue;
        }
        event_use& use = into[(*i)[2]];
        use.levels.insert((*i)[1]);
        use.keys.insert(keys.begin(), keys.end());
        use.keys.merge(prepared);
        prepared.clear();
    }
}

std::vector<std::string> cells_of(const std::string& row) {
    std::vector<std::string> cells;
    std::istringstream in(row.substr(1));
    for (std::string cell; std::getline(in, cell, '|');) cells.push_back(cell);
    return cells;
}

// The rows of the table under a heading, without its head.
std::vector<std::vector<std::string>> table_under(const std::string& page,
                                                  const std::string& heading) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(page.substr(std::min(page.size(), page.find(heading + '\n'))));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line) && !line.starts_with("#"))
        if (line.starts_with("| `")) rows.push_back(cells_of(line));
    return rows;
}

words names_in(const std::string& cell) { return all_matches(cell, std::regex("`([^`]+)`")); }

words first_names(const std::vector<std::vector<std::string>>& rows) {
    words out;
    for (const auto& row : rows) out.merge(names_in(row.at(0)));
    return out;
}

events events_on(const std::string& page) {
    events out;
    for (const auto& row : table_under(page, "### The log")) {
        const std::regex word("([a-z]+)");
        event_use use{all_matches(row.at(1), word), names_in(row.at(2))};
        BOOST_TEST(out.emplace(*names_in(row.at(0)).begin(), use).second, row.at(0) << " twice");
    }
    return out;
}

std::string content_of(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

const fs::path server = fs::path(FINPOST_SOURCE_DIR) / "server";

template <class Use>
void for_each_source(const Use& use) {
    for (const char* const folder : {"src", "app"})
        for (const auto& one : fs::recursive_directory_iterator(server / folder))
            if (one.path().extension() == ".cpp" || one.path().extension() == ".hpp")
                use(content_of(one.path()));
}

std::string page() {
    const std::string all = content_of(server / "README.md");
    const std::size_t begin = all.find("## Operating finpost\n");
    BOOST_REQUIRE(begin != all.npos);
    return all.substr(begin, all.find("\n## ", begin) - begin);
}

std::string text(const words& all) {
    std::string out;
    for (const std::string& one : all) out += one + ' ';
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(operators_page)

BOOST_AUTO_TEST_CASE(an_event_is_seen_with_its_level_and_its_keys) {
    events seen;
    add_events_of("log_(log_level::info, \"stopped\",\n     {{\"a\", x}, {\"b_c\", f({1})}});\n"
                  "const std::array<log_field, 1> fields{{\n    {\"late\", y},\n}};\n"
                  "log(log_level::debug, \"two words\", fields);\n"
                  "if (log.enabled(log_level::debug)) g({\"no\", key});\n"
                  "log(log_level::error, \"stopped\", {{ \"d\", z}});\n",
                  seen);
    BOOST_TEST(seen.size() == 2u);
    BOOST_TEST((seen["stopped"] == event_use{{"error", "info"}, {"a", "b_c", "d"}}));
    BOOST_TEST((seen["two words"] == event_use{{"debug"}, {"late"}}));
}

BOOST_AUTO_TEST_CASE(a_row_is_read_with_its_names) {
    const std::string text = "### The log\nwords\n| event | level | keys | x |\n|---|---|---|---|\n"
                             "| `two words` | info, error | `a` `b` | `c` |\n\n### Next\n"
                             "| `other` | info | | |\n";
    const events seen = events_on(text);
    BOOST_TEST(seen.size() == 1u);
    BOOST_TEST((seen.at("two words") == event_use{{"error", "info"}, {"a", "b"}}));
    BOOST_TEST(events_on("no such heading").empty());
}

BOOST_AUTO_TEST_CASE(every_log_event_is_explained_with_its_keys) {
    events logged;
    for_each_source([&](const std::string& source) { add_events_of(source, logged); });
    const events explained = events_on(page());
    BOOST_TEST(logged.size() > 10u);
    for (const auto& [name, use] : logged) {
        const auto found = explained.find(name);
        BOOST_TEST((found != explained.end()), "\"" << name << "\" is logged and not explained");
        if (found == explained.end()) continue;
        BOOST_TEST(text(found->second.keys) == text(use.keys), name << ": keys");
        BOOST_TEST(text(found->second.levels) == text(use.levels), name << ": level");
    }
    for (const auto& [name, use] : explained)
        BOOST_TEST(logged.count(name) == 1u, "\"" << name << "\" is explained and never logged");
}

BOOST_AUTO_TEST_CASE(every_metric_is_explained) {
    words counted;
    for_each_source([&](const std::string& source) {
        counted.merge(all_matches(source, std::regex(R"re("(finpost_[a-z_]+)")re")));
    });
    BOOST_TEST(counted.size() > 12u);
    BOOST_TEST(text(first_names(table_under(page(), "### Metrics"))) == text(counted));
}

BOOST_AUTO_TEST_CASE(every_admin_route_is_explained) {
    const std::string source = content_of(server / "app" / "admin" / "admin.cpp");
    const words routes = all_matches(source, std::regex(R"re(route\{"(/[a-z]+)")re"));
    BOOST_TEST(routes.size() > 3u);
    BOOST_TEST(text(first_names(table_under(page(), "### The admin port"))) == text(routes));
}

BOOST_AUTO_TEST_SUITE_END()
