#include "options.hpp"

#include "option_table.hpp"

#include "finpost/quoted.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace finpost {

namespace {

// An address or a URL has no comma that matters, a list in one variable has no other separator.
std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts;
    std::size_t from = 0;
    for (std::size_t comma = 0; comma != list.npos; from = comma + 1) {
        comma = list.find(',', from);
        parts.push_back(list.substr(from, comma == list.npos ? comma : comma - from));
    }
    return parts;
}

bool is_word(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

// A message of `validate` may name other fields: people know them by their flags.
std::string with_flags(const std::string& message) {
    std::string out;
    for (std::size_t i = 0; i < message.size();) {
        std::size_t end = i;
        while (end < message.size() && is_word(message[end])) ++end;
        const std::string word = message.substr(i, end - i);
        const auto table = option_table();
        const bool field = std::any_of(table.begin(), table.end(), [&](const option_row& row) {
            return word.find('_') != word.npos && row.key() == word;
        });
        out += field ? flag_of(word) : word;
        if (end < message.size()) out += message[end++];
        i = end;
    }
    return out;
}

// What follows an unknown flag is most likely its value, and no problem of its own.
void report_strangers(const std::vector<std::string>& strangers,
                      std::vector<std::string>& problems) {
    bool after_flag = false;
    for (const std::string_view one : strangers) { // a view: std::quoted takes strings for its own
        const bool flag = one.size() > 1 && one.front() == '-';
        if (flag)
            problems.push_back(quoted(one.substr(0, one.find('='))) + " is no option: see --help");
        else if (!after_flag)
            problems.push_back(quoted(one) + " belongs to no option: see --help");
        after_flag = flag;
    }
}

class command_line {
public:
    command_line() {
        app_.set_help_flag();
        app_.allow_extras();
        app_.allow_windows_style_options(false);
        help_ = app_.add_flag("--help,-h");
        version_ = app_.add_flag("--version");
        // Everything is read as text: CLI11 stops at the first problem, and people want to see all.
        for (const option_row& row : option_table()) {
            CLI::Option* option = nullptr;
            const std::string name(row.flag);
            if (row.is_switch()) option = app_.add_flag(name, unused_switch_);
            else option = app_.add_option(name, unused_)->allow_extra_args(false);
            options_.push_back(option->envname(row.environment()));
        }
    }

    void parse(int argc, const char* const* argv, std::vector<std::string>& problems) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ArgumentMismatch&) {
            // The one thing it finds for us: a flag at the very end, without its value.
            problems.push_back(quoted(argv[argc - 1]) + " needs a value: see --help");
        } catch (const CLI::ParseError& error) {
            problems.emplace_back(error.what());
        }
        report_strangers(app_.remaining(), problems);
    }

    bool help() const { return help_->count() > 0; }
    bool version() const { return version_->count() > 0; }

    given_values values(std::vector<std::string>& problems) const {
        given_values given;
        const std::vector<CLI::Option*>& typed = app_.parse_order();
        for (std::size_t i = 0; i < options_.size(); ++i) {
            const option_row& row = option_table()[i];
            std::vector<std::string> found = options_[i]->results();
            if (found.empty()) continue;
            const bool from_flag =
                std::find(typed.begin(), typed.end(), options_[i]) != typed.end();
            if (row.repeatable && !from_flag) found = split(found.front());
            if (!row.repeatable && found.size() > 1) {
                problems.push_back(std::string(row.flag) + ": given more than once");
                found.erase(found.begin(), found.end() - 1);
            }
            given.emplace(row.flag, std::move(found));
        }
        return given;
    }

private:
    CLI::App app_;
    CLI::Option* help_ = nullptr;
    CLI::Option* version_ = nullptr;
    std::vector<CLI::Option*> options_; // in the order of the table
    std::vector<std::string> unused_, unused_switch_;
};

} // namespace

daemon_config configure(const given_values& given, std::vector<std::string>& problems) {
    daemon_config config;
    std::set<std::string> wrong;
    const auto report = [&](const std::string& flag, const std::string& message) {
        problems.push_back(flag + ": " + message);
        wrong.insert(flag);
    };
    for (const option_row& row : option_table()) {
        const auto values = given.find(row.flag);
        if (values == given.end()) continue;
        for (const std::string& value : values->second) {
            const std::string problem = row.set(config, value);
            if (!problem.empty()) report(std::string(row.flag), problem);
        }
    }
    if (config.gateway.listen.empty())
        config.gateway.listen = {parse_socket_address("127.0.0.1:5000").value()};
    if (config.demo && !config.upstream.endpoints.empty())
        report("--demo", "is an upstream itself and cannot stand beside --upstream");
    if (!config.demo && config.upstream.endpoints.empty() && wrong.count("--upstream") == 0)
        report("--upstream", "no URL is given, so there is nowhere to send payloads to; --demo "
                             "brings a service of its own");
    // The demo's address is known once it listens.
    upstream_config upstream = config.upstream;
    if (upstream.endpoints.empty())
        upstream.endpoints = {parse_http_url("http://127.0.0.1:1/").value()};
    std::vector<config_problem> found = validate(config.gateway);
    const std::vector<config_problem> more = validate(upstream);
    found.insert(found.end(), more.begin(), more.end());
    for (const config_problem& one : found) {
        // A field whose value could not even be read still holds its default.
        const std::string flag = flag_of(one.field);
        if (wrong.count(flag) == 0) problems.push_back(flag + ": " + with_flags(one.message));
    }
    return config;
}

options read_options(int argc, const char* const* argv) {
    options out;
    command_line line;
    std::vector<std::string> problems;
    line.parse(argc, argv, problems);
    if (line.help() || line.version()) {
        out.what = line.help() ? options::action::help : options::action::version;
        return out;
    }
    const given_values given = line.values(problems);
    out.config = configure(given, problems);
    out.problems = std::move(problems);
    return out;
}

} // namespace finpost
