#include "config/config_file.hpp"

#include "config/option_table.hpp"
#include "config/toml_depth.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace finpost {

using namespace detail;

namespace {

std::string_view kind_of(const toml::node& node) {
    switch (node.type()) {
    case toml::node_type::table:
        return "a table";
    case toml::node_type::array:
        return "an array";
    case toml::node_type::string:
        return "text";
    case toml::node_type::integer:
        return "a whole number";
    case toml::node_type::floating_point:
        return "a number with a fraction";
    case toml::node_type::boolean:
        return "true or false";
    default:
        return "a date or a time";
    }
}

std::string expectation(const option_row& row) {
    std::string text = "text in quotes: " + std::string(row.value);
    if (row.is_switch())
        text = "true or false";
    else if (row.value == "N")
        text = "a whole number";
    else if (row.value == "SIZE")
        text = "a size such as \"16MiB\", or a whole number of bytes";
    else if (row.value == "D")
        text = "a time with its unit in quotes, such as \"10s\"";
    else if (row.value == "RATIO|off")
        text = "a number from 0 to 1, or \"off\"";
    return row.repeatable() ? text + ", or an array of such" : text;
}

// The text of a value that is of a kind the option takes.
std::optional<std::string> text_of(const toml::node& node, const option_row& row) {
    if (row.is_switch()) {
        if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
        return std::nullopt;
    }
    if (const auto* text = node.as_string()) return text->get();
    const bool ratio = row.value == "RATIO|off";
    if (const auto* share = node.as_floating_point(); share != nullptr && ratio) {
        std::array<char, 400> buffer{}; // the longest double
        const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), share->get(),
                                       std::chars_format::fixed)
                             .ptr;
        return std::string(buffer.data(), end);
    }
    const bool number = row.value == "N" || row.value == "SIZE" || ratio;
    if (const auto* integer = node.as_integer(); integer != nullptr && number)
        return std::to_string(integer->get());
    return std::nullopt;
}

class file_reader {
public:
    explicit file_reader(std::string name) : name_(std::move(name)) {}

    config_file read(const toml::table& root) {
        config_file out;
        const bool tables = root.contains("listeners") || root.contains("upstreams");
        out.top.where = name_;
        each_by_line(root, [&](const toml::key& key, const toml::node& node) {
            if (key == "listeners") return read_listeners(key, node, out.listeners);
            if (key == "upstreams") return read_upstreams(key, node, out.upstreams);
            read_top(key, node, tables, out.top);
        });
        if (tables && found_.empty()) {
            if (out.listeners.empty())
                note(1, "listeners",
                     "a file with [upstreams.NAME] tables needs at least one [[listeners]]");
            if (out.upstreams.empty())
                note(1, "upstreams",
                     "a file with [[listeners]] needs at least one [upstreams.NAME] table");
        }
        return out;
    }

    void note(std::size_t line, std::string_view what, std::string_view message) {
        found_.emplace_back(line, at(line, what) + ": " + printable(message));
    }

    // In the order of the lines, which toml++ does not keep.
    void report(std::vector<std::string>& problems) {
        std::stable_sort(found_.begin(), found_.end(),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
        for (auto& problem : found_) problems.push_back(std::move(problem.second));
    }

private:
    using visit = std::function<void(const toml::key&, const toml::node&)>;

    static std::size_t line_of(const toml::key& key) { return key.source().begin.line; }

    static void each_by_line(const toml::table& table, const visit& call) {
        std::vector<std::pair<const toml::key*, const toml::node*>> all;
        for (auto&& [key, node] : table) all.emplace_back(&key, &node);
        std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
            return line_of(*a.first) < line_of(*b.first);
        });
        for (const auto& [key, node] : all) call(*key, *node);
    }

    std::string at(std::size_t line, std::string_view what) const {
        std::string text = printable(name_) + ':' + std::to_string(line) + ": ";
        // A key is anything in TOML, and a message is one line.
        const auto plain = [](char c) { return c > ' ' && c <= '~'; };
        return text + (std::all_of(what.begin(), what.end(), plain) ? std::string(what)
                       : what.starts_with('[')                      ? printable(what)
                                                                    : in_quotes(what));
    }

    void read_top(const toml::key& key, const toml::node& node, bool tables, file_table& into) {
        std::vector<std::string> known{"listeners", "upstreams"};
        for (const option_row& row : option_table()) {
            if (key == row.key()) {
                if (!tables || (row.scope() == option_scope::process && row.flag != "--demo"))
                    return read_value(row, key, node, into);
                return note(line_of(key), key.str(), mixed(row));
            }
            known.push_back(row.key());
        }
        note(line_of(key), key.str(), "unknown option" + hint(key.str(), known));
    }

    // A file of another kind altogether is not worth the time: a reload runs beside exchanges.
    std::string hint(std::string_view key, const std::vector<std::string>& known) const {
        return found_.size() < 50 ? suggestion(key, known) : std::string();
    }

    static std::string mixed(const option_row& row) {
        if (row.flag == "--demo") return "cannot stand in a file with [[listeners]] tables";
        return row.scope() == option_scope::listener
                   ? "belongs in the [[listeners]] tables, as this file has them"
                   : "belongs in the [upstreams.NAME] tables as " + row.table_key() +
                         ", as this file has them";
    }

    void read_table(const toml::table& table, option_scope scope, file_table& into) {
        each_by_line(table, [&](const toml::key& key, const toml::node& node) {
            std::vector<std::string> known;
            if (scope == option_scope::listener) known.emplace_back("upstream");
            if (scope == option_scope::listener && key == "upstream") {
                into.name.where = at(line_of(key), key.str());
                if (const auto* text = node.as_string())
                    into.name.texts = {text->get()};
                else
                    note(line_of(key), key.str(),
                         "is " + std::string(kind_of(node)) +
                             ": expected the name of an [upstreams.NAME] table in quotes");
                return;
            }
            for (const option_row& row : option_table()) {
                if (row.scope() == scope) {
                    if (key == row.table_key()) return read_value(row, key, node, into);
                    known.push_back(row.table_key());
                } else if (key == row.key()) {
                    return note(line_of(key), key.str(), elsewhere(row));
                }
            }
            note(line_of(key), key.str(), "unknown option in this table" + hint(key.str(), known));
        });
    }

    static std::string elsewhere(const option_row& row) {
        if (row.scope() == option_scope::process)
            return "belongs above all tables: it is one for the whole process";
        return row.scope() == option_scope::listener ? "belongs in a [[listeners]] table"
                                                     : "belongs in an [upstreams.NAME] table";
    }

    void read_listeners(const toml::key& key, const toml::node& node,
                        std::vector<file_table>& into) {
        const auto* all = node.as_array();
        if (all == nullptr || all->empty() || !all->is_homogeneous<toml::table>())
            return note(line_of(key), key.str(),
                        "is " + std::string(kind_of(node)) + ": expected [[listeners]] tables");
        for (const toml::node& entry : *all) {
            file_table& table = into.emplace_back();
            table.where = at(entry.source().begin.line, "[[listeners]]");
            read_table(*entry.as_table(), option_scope::listener, table);
        }
    }

    void read_upstreams(const toml::key& key, const toml::node& node,
                        std::vector<file_table>& into) {
        const auto* all = node.as_table();
        if (all == nullptr)
            return note(line_of(key), key.str(),
                        "is " + std::string(kind_of(node)) + ": expected [upstreams.NAME] tables");
        each_by_line(*all, [&](const toml::key& name, const toml::node& entry) {
            const auto* fields = entry.as_table();
            if (fields == nullptr)
                return note(line_of(name), name.str(),
                            "is " + std::string(kind_of(entry)) +
                                ": expected an [upstreams.NAME] table");
            const auto good = [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
            };
            const std::string_view text = name.str();
            if (text.empty() || text.size() > 64 || !std::all_of(text.begin(), text.end(), good))
                note(line_of(name), "upstreams",
                     in_quotes(text) + " is not a name for an upstream: "
                                       "expected up to 64 letters, digits, - and _");
            file_table& table = into.emplace_back();
            table.where = at(line_of(name), "[upstreams." + std::string(text) + ']');
            table.name.texts = {std::string(text)};
            read_table(*fields, option_scope::upstream, table);
        });
    }

    // Each value of an array, or of a table of header fields, or the one there is.
    void read_value(const option_row& row, const toml::key& key, const toml::node& node,
                    file_table& into) {
        const std::size_t line = line_of(key);
        given_value value{{}, at(line, key.str())};
        bool wrong = false;
        const auto take = [&](const toml::node& element, const std::string& before) {
            const auto text = text_of(element, row);
            if (text) return value.texts.push_back(before + *text);
            note(line, key.str(),
                 "is " + std::string(kind_of(element)) + ": expected " + expectation(row));
            wrong = true;
        };
        const auto* array = node.as_array();
        const auto* fields = node.as_table();
        if (array != nullptr && row.repeatable()) {
            for (const toml::node& element : *array) take(element, {});
            if (array->empty()) return; // as good as not there
        } else if (fields != nullptr && row.in_table == "headers") {
            for (auto&& [name, element] : *fields) {
                if (name.str().find(':') != std::string_view::npos) {
                    note(line_of(name), name.str(), "is not the name of a header");
                    wrong = true;
                }
                take(element, std::string(name.str()) + ": ");
            }
            if (fields->empty()) return;
        } else {
            take(node, {});
        }
        if (wrong) value.texts.clear();
        into.values.emplace(row.flag, std::move(value));
    }

    const std::string name_;
    std::vector<std::pair<std::size_t, std::string>> found_;
};

} // namespace

config_file parse_config_file(std::string_view text, const std::string& name,
                              std::vector<std::string>& problems) {
    file_reader reader(name);
    config_file out;
    if (const std::size_t line = too_deep_line(text)) {
        reader.note(line, "[too deep]",
                    "a key of more than " + std::to_string(most_depth) +
                        " parts, or as many brackets in each other, is in no configuration");
        reader.report(problems);
        return out;
    }
    try {
        out = reader.read(toml::parse(text, name));
    } catch (const toml::parse_error& error) {
        reader.note(error.source().begin.line, "[not TOML]", error.description());
    }
    reader.report(problems);
    return out;
}

config_file read_config_file(const std::string& path, std::vector<std::string>& problems) {
    constexpr std::size_t largest = 1 << 20;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                               &std::fclose);
    std::string text(largest + 1, '\0');
    if (file) text.resize(std::fread(text.data(), 1, text.size(), file.get()));
    if (!file || std::ferror(file.get()) != 0) {
        problems.push_back(printable(path) +
                           ": cannot be read: " + std::generic_category().message(errno));
        return {};
    }
    if (text.size() > largest) {
        problems.push_back(printable(path) + ": is larger than 1 MiB, which no configuration is");
        return {};
    }
    return parse_config_file(text, path, problems);
}

} // namespace finpost
