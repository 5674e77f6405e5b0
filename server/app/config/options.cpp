#include "config/options.hpp"

#include "config/config_file.hpp"
#include "config/configure.hpp"
#include "config/option_table.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace finpost {

using namespace detail;

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

// What follows an unknown flag is most likely its value, and no problem of its own.
void report_unknown_words(const std::vector<std::string>& words,
                          const std::vector<std::string>& flags,
                          std::vector<std::string>& problems) {
    bool after_flag = false;
    for (const std::string_view word : words) {
        const bool flag = word.size() > 1 && word.front() == '-';
        const std::string_view name = word.substr(0, word.find('='));
        const std::string near =
            flag ? suggestion(name, flags) : suggestion("--" + std::string(word), flags);
        if (flag)
            problems.push_back("unknown option " + in_quotes(name) +
                               (near.empty() ? ": see --help" : near));
        else if (!after_flag)
            problems.push_back("unexpected argument " + in_quotes(word) +
                               (near.empty() ? ": see --help" : near));
        after_flag = flag;
    }
}

constexpr std::string_view prefix = "FINPOST_";

// What Kubernetes gives every container for a service named "finpost", whatever its ports are
// called.
bool is_from_kubernetes(std::string_view name, std::string_view value) {
    if (name.ends_with("_SERVICE_HOST") || name.find("_SERVICE_PORT") != name.npos) return true;
    if (name.ends_with("_PORT")) return value.starts_with("tcp://") || value.starts_with("udp://");
    const std::size_t port = name.find("_PORT_");
    if (port == name.npos) return false;
    const std::string_view behind = name.substr(port + 6);
    const std::size_t digits = behind.find_first_not_of("0123456789");
    return digits != 0 && digits != behind.npos && behind[digits] == '_';
}

// A variable that nobody reads is a mistyped one, and what it was to switch on stays off.
void report_unknown_variables(const given_values& flags, const config_file& file,
                              std::vector<std::string>& problems) {
    std::vector<std::string> known{"FINPOST_CONFIG",
                                   "FINPOST_IMAGE"}; // the latter is compose.yaml's
    for (const option_row& row : option_table()) known.push_back(row.environment());
    std::string used; // where a value may name a variable
    const auto add = [&used](const given_values& values) {
        for (const auto& [flag, value] : values)
            for (const std::string& text : value.texts) used += text + '\n';
    };
    add(flags);
    add(file.top.values);
    for (const file_table& listener : file.listeners) add(listener.values);
    for (const file_table& upstream : file.upstreams) add(upstream.values);
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view entry(*variable);
        const std::string name(entry.substr(0, entry.find('=')));
        const std::string_view value = entry.substr(std::min(name.size() + 1, entry.size()));
        if (!name.starts_with(prefix) || std::find(known.begin(), known.end(), name) != known.end())
            continue;
        if (is_from_kubernetes(name, value) || used.find("{env:" + name + '}') != used.npos)
            continue;
        problems.push_back(printable(name) + ": unknown variable" + suggestion(name, known));
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
        health_ = app_.add_flag("--health");
        check_ = app_.add_flag("--check");
        connect_ = app_.add_flag("--connect");
        generate_ = app_.add_option("--generate", unused_)->allow_extra_args(false);
        config_ = app_.add_option("--config", unused_)->allow_extra_args(false);
        // Everything is read as text: CLI11 stops at the first problem, and people want to see all.
        for (const option_row& row : option_table()) {
            CLI::Option* option = nullptr;
            const std::string name(row.flag);
            if (row.is_switch())
                option = app_.add_flag(name, unused_switch_);
            else
                option = app_.add_option(name, unused_)->allow_extra_args(false);
            options_.push_back(option);
        }
    }

    void parse(int argc, const char* const* argv, std::vector<std::string>& problems) {
        // "--" ends the options, and there are no arguments beside them.
        const char* const* const end = argv + argc;
        const char* const* const mark = std::find(argv, end, std::string_view("--"));
        argc = static_cast<int>(mark - argv);
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ArgumentMismatch&) {
            // The one thing it finds for us: a flag at the very end, without its value.
            problems.push_back(in_quotes(argv[argc - 1]) + " needs a value: see --help");
        } catch (const CLI::ParseError& error) {
            problems.emplace_back(error.what());
        }
        std::vector<std::string> flags{"--help",    "--version",  "--health", "--check",
                                       "--connect", "--generate", "--config"};
        for (const option_row& row : option_table()) flags.emplace_back(row.flag);
        report_unknown_words(app_.remaining(), flags, problems);
        for (auto word = mark; word < end; ++word)
            if (word > mark)
                problems.push_back("unexpected argument " + in_quotes(*word) + ": see --help");
    }

    bool help() const { return help_->count() > 0; }
    bool version() const { return version_->count() > 0; }
    bool generates() const { return generate_->count() > 0; }
    std::string generate() const { return generate_->results().back(); }
    bool health() const { return health_->count() > 0; }
    bool check() const { return check_->count() > 0; }
    bool connect() const { return connect_->count() > 0; }

    std::string file(std::vector<std::string>& problems) const {
        std::vector<std::string> found = config_->results();
        std::string where = "--config";
        if (const char* const variable = std::getenv("FINPOST_CONFIG"); found.empty() && variable) {
            found.emplace_back(variable);
            where = "FINPOST_CONFIG";
        }
        if (found.empty()) return {};
        if (found.size() > 1) problems.push_back(where + ": given more than once");
        if (found.back().empty()) problems.push_back(where + ": the name of a file is needed");
        return found.back();
    }

    // A variable that is empty says what an empty flag says: a compose file in which something is
    // not set must not switch a protection off without a word.
    given_values values(std::vector<std::string>& problems) const {
        given_values out;
        for (std::size_t i = 0; i < options_.size(); ++i) {
            const option_row& row = option_table()[i];
            given_value value{options_[i]->results(), std::string(row.flag)};
            const std::string name = row.environment();
            if (const char* const variable = std::getenv(name.c_str());
                value.texts.empty() && variable) {
                value.texts =
                    row.repeatable() ? split(variable) : std::vector<std::string>{variable};
                value.variable = name;
            }
            if (value.texts.empty()) continue;
            if (!row.repeatable() && value.texts.size() > 1) {
                problems.push_back(value.where + ": given more than once");
                value.texts.erase(value.texts.begin(), value.texts.end() - 1);
            }
            out.emplace(row.flag, std::move(value));
        }
        return out;
    }

private:
    CLI::App app_;
    CLI::Option* help_ = nullptr;
    CLI::Option* version_ = nullptr;
    CLI::Option* health_ = nullptr;
    CLI::Option* check_ = nullptr;
    CLI::Option* connect_ = nullptr;
    CLI::Option* generate_ = nullptr;
    CLI::Option* config_ = nullptr;
    std::vector<CLI::Option*> options_; // in the order of the table
    std::vector<std::string> unused_, unused_switch_;
};

} // namespace

options read_options(int argc, const char* const* argv) {
    options out;
    command_line line;
    std::vector<std::string> problems;
    line.parse(argc, argv, problems);
    if (line.help() || line.version()) {
        out.what = line.help() ? options::action::help : options::action::version;
        return out;
    }
    if (line.generates()) {
        out.what = options::action::generate;
        out.reference = line.generate();
        return out;
    }
    out.flags = line.values(problems);
    out.file = line.file(problems);
    std::vector<std::string> found;
    config_file file;
    out.config = load_config(out.flags, out.file, found, &file);
    report_unknown_variables(out.flags, file, found);
    if (line.check()) out.what = options::action::check;
    out.connect = line.connect();
    if (line.connect() && !line.check()) problems.emplace_back("--connect: is for --check only");
    if (line.health()) {
        out.what = options::action::health;
        // The gateway that runs has judged the rest.
        std::erase_if(found, [&](const std::string& problem) {
            const bool about_admin =
                problem.starts_with("--admin:") || problem.find(": admin: ") != problem.npos;
            return !about_admin && problem.find("[not TOML]") == problem.npos &&
                   problem.find("[too deep]") == problem.npos &&
                   !problem.starts_with(printable(out.file) + ": ");
        });
    }
    problems.insert(problems.end(), found.begin(), found.end());
    out.problems = std::move(problems);
    return out;
}

} // namespace finpost
