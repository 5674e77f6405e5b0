#include "config/option_table.hpp"

#include "config/config_file.hpp"
#include "good_values.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;

namespace {

using strings = std::vector<std::string>;

// As a source of settings sets it. What is wrong with the texts.
std::string set(daemon_config& into, const option_row& row, const strings& texts) {
    std::string problems;
    row.field.clear(into);
    for (const std::string& text : texts) problems += row.field.set(into, text);
    return problems;
}

std::string all(const strings& texts) {
    std::string out;
    for (const std::string& text : texts) out += '"' + text + "\" ";
    return out;
}

// Whether the option takes the value; what others have to say to it is not asked.
bool is_taken(const option_row& row, const std::string& text) {
    daemon_config config;
    config.upstream.endpoints = {parse_http_url("http://127.0.0.1:1/").value()};
    if (row.flag == "--max-buffered") config.gateway.max_payload = 1;
    if (row.flag == "--retry-most") config.of_upstream.queue.retry_first = duration(1);
    if (!set(config, row, {text}).empty()) return false;
    auto problems = validate(config.gateway);
    for (const auto& more :
         {validate(config.upstream), validate(config.of_upstream.queue), validate(config.queue)})
        problems.insert(problems.end(), more.begin(), more.end());
    return std::none_of(problems.begin(), problems.end(),
                        [&](const config_problem& one) { return flag_of(one.field) == row.flag; });
}

std::string fixed(double value) {
    std::string digits(400, '\0');
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed)
            .ptr;
    return {digits.data(), end};
}

// The nearest value below (`by` = -1) or above (1) an end of the bound; empty where none can be
// written.
std::string beside(const option_row& row, std::string_view end, int by) {
    if (row.value.starts_with("RATIO"))
        return by < 0 ? "-0.001" : fixed(std::nextafter(std::stod(std::string(end)), 2));
    if (row.value == "D" || row.value == "D|off") {
        const duration value = parse_duration(end).value() + duration(by);
        return value < duration::zero() ? "" : std::to_string(value.count()) + "ms";
    }
    return std::to_string(parse_size(end).value() + static_cast<std::uint64_t>(by));
}

std::string content(const std::string& file) {
    std::ifstream in(FINPOST_SOURCE_DIR "/" + file);
    return {std::istreambuf_iterator<char>(in), {}};
}

// "`--decode none\|base64` | `FINPOST_DECODE` | `none`": what README.md has to say of an option,
// beside its meaning. A default that no text gives is plain.
std::string reference(const option_row& row) {
    std::string out = "`" + std::string(row.flag);
    if (!row.is_switch()) out += ' ';
    for (const char c : row.value) out += c == '|' ? std::string("\\|") : std::string(1, c);
    const strings texts = row.default_texts();
    return out + (row.repeatable() ? "` (repeatable)" : "`") + " | `" + row.environment() + "` | " +
           (texts.empty() ? std::string(row.without) : '`' + texts.front() + '`');
}

} // namespace

BOOST_AUTO_TEST_SUITE(option_table)

BOOST_AUTO_TEST_CASE(every_option_has_names_of_its_own) {
    std::set<std::string> names;
    for (const option_row& row : finpost::option_table()) {
        BOOST_TEST(names.insert(std::string(row.flag)).second, row.flag);
        BOOST_TEST(names.insert(row.key()).second, row.key());
        BOOST_TEST(&row_of(row.flag) == &row);
        BOOST_TEST(row.meaning != "", row.flag);
    }
}

BOOST_AUTO_TEST_CASE(every_default_is_a_text_that_is_read_as_the_default_or_words_for_people) {
    const daemon_config untouched;
    for (const option_row& row : finpost::option_table()) {
        BOOST_TEST_CONTEXT(row.flag) {
            const strings texts = row.default_texts();
            BOOST_TEST(texts.empty() != row.without.empty());
            daemon_config config;
            if (!texts.empty()) BOOST_TEST(set(config, row, texts) == "");
            BOOST_TEST((config == untouched), all(texts));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_printed_is_read_as_the_same_value) {
    const daemon_config untouched;
    for (const option_row& row : finpost::option_table()) {
        BOOST_TEST_CONTEXT(row.flag) {
            const strings values = good_values(row);
            BOOST_TEST(!values.empty(), "test/unit/good_values.hpp has no " << row.value);
            bool changed = false;
            for (const std::string& value : values) {
                daemon_config first, second;
                BOOST_TEST(set(first, row, {value}) == "", value);
                changed = changed || first != untouched;
                const strings texts = row.field.texts(first);
                BOOST_TEST(texts.size() == 1u, value);
                BOOST_TEST(set(second, row, texts) == "", all(texts));
                BOOST_TEST((first == second), value << " is printed as " << all(texts));
                BOOST_TEST(row.field.texts(second) == texts, boost::test_tools::per_element());
            }
            BOOST_TEST(changed);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_list_is_printed_with_all_its_values_in_place_of_the_default) {
    for (const option_row& row : finpost::option_table()) {
        if (!row.repeatable()) continue;
        BOOST_TEST_CONTEXT(row.flag) {
            daemon_config first, second;
            const strings values = good_values(row);
            BOOST_TEST_REQUIRE(values.size() > 1u);
            BOOST_TEST(set(first, row, values) == "");
            BOOST_TEST(row.field.texts(first).size() == values.size());
            set(second, row, row.field.texts(first));
            BOOST_TEST((first == second));
        }
    }
}

BOOST_AUTO_TEST_CASE(taking_a_value_takes_the_whole_of_it_and_nothing_else) {
    for (const option_row& row : finpost::option_table()) {
        BOOST_TEST_CONTEXT(row.flag) {
            for (const std::string& value : good_values(row)) {
                daemon_config from, into;
                set(from, row, {value});
                const bool other = from != into;
                BOOST_TEST(row.field.take(into, from) == other, value);
                BOOST_TEST((into == from), value);
                for (const option_row& another : finpost::option_table())
                    BOOST_TEST(!another.field.take(into, from), another.flag);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_bound_is_where_the_row_says) {
    std::size_t bounds = 0;
    for (const option_row& row : finpost::option_table()) {
        BOOST_TEST_CONTEXT(row.flag) {
            const auto check = [&](std::string_view end, int outwards) {
                if (end.empty()) return;
                ++bounds;
                BOOST_TEST(is_taken(row, std::string(end)), end);
                const std::string outside = beside(row, end, outwards);
                if (!outside.empty()) BOOST_TEST(!is_taken(row, outside), outside);
            };
            check(row.field.bound.least, -1);
            check(row.field.bound.most, 1);
        }
    }
    BOOST_TEST(bounds > 30u);
}

BOOST_AUTO_TEST_CASE(a_field_that_validate_complains_about_has_a_flag) {
    BOOST_TEST(flag_of("endpoints") == "--upstream");
    BOOST_TEST(flag_of("headers") == "--header");
    BOOST_TEST(flag_of("connect") == "--upstream-connect");
    BOOST_TEST(flag_of("total") == "--upstream-total");
    BOOST_TEST(flag_of("keep_alive") == "--upstream-keep-alive");
    for (const option_row& row : finpost::option_table())
        BOOST_TEST(flag_of(row.key()) == row.flag);
}

BOOST_AUTO_TEST_CASE(secrets_have_a_mask_and_everything_else_is_shown) {
    for (const option_row& row : finpost::option_table()) {
        const bool has_secrets = row.value.find("PATH") != row.value.npos || row.value == "URL" ||
                                 row.value == "NAME:VALUE";
        BOOST_TEST((row.field.mask != nullptr) == has_secrets, row.flag);
    }
}

BOOST_AUTO_TEST_CASE(a_password_in_the_url_of_a_database_is_not_shown) {
    const auto masked = [](std::string_view text) {
        return row_of("--queue-database").field.mask(text);
    };
    const std::string good = "postgresql://finpost@db1:5432,db2/d?sslmode=require";
    BOOST_TEST(masked(good) == good);
    BOOST_TEST(masked("postgresql://f:se@cret@h:1/d") == "postgresql://f:***@h:1/d");
    BOOST_TEST(masked("postgresql://h/d?password=x&port=1") ==
               "postgresql://h/d?password=***&port=1");
    BOOST_TEST(masked("x") == "x");
}

// Flags, variables and defaults in the order of the table; the meanings are the page's own.
BOOST_AUTO_TEST_CASE(the_reference_in_the_readme_is_what_the_table_says) {
    static const std::set<std::string> others{"--config FILE", "--check",         "--connect",
                                              "--health",      "--generate KIND", "--version"};
    const std::string page = content("README.md");
    const std::size_t begin = page.find("| flag | environment | default | meaning |\n");
    BOOST_TEST_REQUIRE(begin != page.npos);
    std::istringstream lines(page.substr(begin));
    std::string found, expected;
    std::map<std::string, std::string> meanings; // of a flag
    for (std::string line; std::getline(lines, line) && line.starts_with('|');) {
        if (!line.starts_with("| `--")) continue;
        const std::string name = line.substr(3, line.find('`', 3) - 3);
        if (others.count(name) > 0) continue;
        const std::size_t last = line.rfind(" | ", line.size() - 3);
        meanings[name.substr(0, name.find(' '))] = line.substr(last);
        found += line + '\n';
    }
    for (const option_row& row : finpost::option_table()) {
        const std::string& meaning = meanings[std::string(row.flag)];
        expected += "| " + reference(row) +
                    (meaning.size() > 4 ? meaning : " | " + std::string(row.meaning) + " |") + '\n';
    }
    BOOST_TEST((found == expected), "the table of options in README.md has to be:\n" << expected);
}

// A line that is in force says the default, where there is one; one that is commented out is an
// example.
BOOST_AUTO_TEST_CASE(the_example_file_has_every_key_with_its_default_or_an_example) {
    std::istringstream lines(content("docker/finpost.toml"));
    std::string in_force, examples;
    for (std::string line; std::getline(lines, line);) {
        const bool example =
            std::any_of(finpost::option_table().begin(), finpost::option_table().end(),
                        [&](const option_row& row) {
                            return line.starts_with("# " + row.table_key() + " = ");
                        });
        in_force += line + '\n';
        examples += (example ? line.substr(2) : line) + '\n';
    }
    strings problems;
    const config_file file = parse_config_file(in_force, "in force", problems);
    const config_file with_examples = parse_config_file(examples, "with examples", problems);
    BOOST_TEST(all(problems) == "");
    BOOST_TEST_REQUIRE(!file.listeners.empty());
    BOOST_TEST_REQUIRE(!file.upstreams.empty());
    for (const option_row& row : finpost::option_table()) {
        if (row.flag == "--demo") continue; // cannot stand beside tables
        const auto said = [&](const config_file& from) {
            const file_table& table = row.scope() == option_scope::process ? from.top
                                      : row.scope() == option_scope::listener
                                          ? from.listeners.front()
                                          : from.upstreams.front();
            const auto value = table.values.find(row.flag);
            return value == table.values.end() ? strings{} : value->second.texts;
        };
        BOOST_TEST_CONTEXT(row.flag) {
            daemon_config config;
            BOOST_TEST(!said(with_examples).empty());
            BOOST_TEST(set(config, row, said(with_examples)) == "");
            // A container listens on all addresses.
            if (row.flag != "--listen" && !row.default_texts().empty() && !said(file).empty())
                BOOST_TEST(said(file) == row.default_texts(), boost::test_tools::per_element());
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
