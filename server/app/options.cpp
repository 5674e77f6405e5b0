#include "options.hpp"

#include "option_table.hpp"

#include "finpost/quoted.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
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
        health_ = app_.add_flag("--health");
        check_ = app_.add_flag("--check");
        config_ = app_.add_option("--config", unused_)->allow_extra_args(false);
        config_->envname("FINPOST_CONFIG");
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
    bool health() const { return health_->count() > 0; }
    bool check() const { return check_->count() > 0; }

    std::string file(std::vector<std::string>& problems) const {
        const std::vector<std::string> found = config_->results();
        if (found.empty()) return {};
        if (found.size() > 1) problems.emplace_back("--config: given more than once");
        if (found.back().empty()) problems.emplace_back("--config: the name of a file is needed");
        return found.back();
    }

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
            given.emplace(row.flag, given_value{std::move(found), std::string(row.flag)});
        }
        return given;
    }

private:
    CLI::App app_;
    CLI::Option* help_ = nullptr;
    CLI::Option* version_ = nullptr;
    CLI::Option* health_ = nullptr;
    CLI::Option* check_ = nullptr;
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
    out.given = line.values(problems);
    out.file = line.file(problems);
    std::vector<std::string> found;
    out.config = load_config(out.given, out.file, found);
    if (line.check()) out.what = options::action::check;
    if (line.health()) {
        out.what = options::action::health;
        // The gateway that runs has judged the rest.
        std::erase_if(found, [&](const std::string& one) {
            return !one.starts_with("--admin:") && one.find(": admin: ") == one.npos &&
                   one.find("[not TOML]") == one.npos && !one.starts_with(out.file + ": ");
        });
    }
    problems.insert(problems.end(), found.begin(), found.end());
    out.problems = std::move(problems);
    return out;
}

} // namespace finpost
