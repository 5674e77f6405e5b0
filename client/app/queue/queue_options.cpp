#include "queue/queue_options.hpp"

#include "connection_options.hpp"
#include "control/queue_json.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace finpost {

using namespace detail;

namespace {

using action = queue_options::action;

struct command {
    std::string_view name;
    action what;
    std::string_view options; ///< that it has beside --queue-dir and --json
    std::string_view argument;
    bool many;
};

constexpr std::array commands{
    command{"init", action::init, "", "", false},
    command{"stats", action::stats, "", "", false},
    command{"list", action::list, "--state --listener --upstream ", "", false},
    command{"show", action::show, "--bytes --output ", "ID", false},
    command{"replay", action::replay, "--all --state --listener --upstream ", "ID", true},
    command{"drop", action::drop, "", "ID", true},
    command{"export", action::export_, "--state --listener --upstream ", "DIR", false},
    command{"move", action::move, "--from --to --state --listener --upstream ", "", false}};

// The options as text, until all of them are read.
struct queue_flags {
    queue_flags() {
        cli.set_help_flag();
        cli.allow_extras();
        cli.add_flag("-h,--help", help);
        cli.add_flag("--json", json);
        cli.add_flag("--all", all);
        cli.add_flag("--bytes", bytes);
        for (const auto& [name, value] : texts()) cli.add_option(name, *value);
    }
    std::vector<std::pair<std::string, std::string*>> texts() {
        return {{"--queue-dir", &directory},
                {"--queue-database", &database},
                {"--queue-password-file", &password_file},
                {"--state", &state},
                {"--listener", &listener},
                {"--upstream", &upstream},
                {"--from", &from},
                {"--to", &to},
                {"-o,--output", &output}};
    }
    bool given(const std::string& name) const { return cli.count(name) > 0; }

    CLI::App cli;
    bool help = false, json = false, all = false, bytes = false;
    std::string directory, database, password_file, state, listener, upstream, from, to, output;
};

std::string from_environment(const char* name) {
    const char* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
    return value != nullptr ? value : "";
}

// A place that the flags name counts, and what the environment says of another one does not.
void read_place(queue_flags& flags, queue_options& into, std::vector<std::string>& problems) {
    const bool moves = into.what == action::move;
    if (!moves && flags.directory.empty() && flags.database.empty()) {
        flags.directory = from_environment("FINPOST_QUEUE_DIR");
        flags.database = from_environment("FINPOST_QUEUE_DATABASE");
    }
    if (flags.password_file.empty())
        flags.password_file = from_environment("FINPOST_QUEUE_PASSWORD_FILE");
    into.directory = flags.directory;
    into.database = flags.database;
    into.password_file = flags.password_file;
    if (moves) return;
    if (flags.directory.empty() && flags.database.empty())
        problems.emplace_back("--queue-dir DIR or --queue-database URL is missing");
    if (!flags.directory.empty() && !flags.database.empty())
        problems.emplace_back("--queue-database: does not go together with --queue-dir");
    if (flags.given("--queue-password-file") && flags.database.empty())
        problems.emplace_back("--queue-password-file has no effect without --queue-database");
}

void refuse_options_of_others(const queue_flags& flags, const command& of,
                              std::vector<std::string>& problems) {
    for (const char* const name :
         {"--all", "--bytes", "--output", "--from", "--to", "--state", "--listener", "--upstream"})
        if (flags.given(name) && of.options.find(std::string(name) + ' ') == of.options.npos)
            problems.push_back(std::string(name) + " is not for finpost queue " +
                               std::string(of.name));
    if (of.what != action::move) return;
    for (const char* const name : {"--queue-dir", "--queue-database"})
        if (flags.given(name))
            problems.push_back(std::string(name) +
                               " is not for finpost queue move: it has --from and --to");
    for (const auto& [name, value] : {std::pair{"--from", &flags.from}, {"--to", &flags.to}})
        if (value->empty()) problems.push_back(std::string(name) + " DIR or URL is missing");
}

void read_filter(const queue_flags& flags, queue_options& into,
                 std::vector<std::string>& problems) {
    if (flags.given("--listener")) into.filter.listener = flags.listener;
    if (flags.given("--upstream")) into.filter.upstream = flags.upstream;
    if (!flags.given("--state")) return;
    const auto state = parse_queue_state(flags.state);
    if (!state) return problems.push_back("--state: " + state.error().message);
    into.filter.state = *state;
    if (into.what == action::replay && *state == queue_state::waiting)
        problems.emplace_back("--state: what waits need not be replayed: dead or set_aside");
}

void read_ids(const std::vector<std::string>& words, queue_options& into,
              std::vector<std::string>& problems) {
    for (std::size_t i = 1; i < words.size(); ++i) {
        const auto id = parse_request_id(words[i]);
        if (!id)
            problems.push_back("ID: " + id.error().message);
        else if (std::find(into.ids.begin(), into.ids.end(), *id) == into.ids.end())
            into.ids.push_back(*id);
    }
}

void read_arguments(const command& of, const std::vector<std::string>& words, queue_options& into,
                    std::vector<std::string>& problems) {
    const bool narrowed = into.filter.state || into.filter.listener || into.filter.upstream;
    const std::size_t most = of.many ? words.size() : of.argument.empty() ? 1 : 2;
    if (words.size() > most)
        problems.push_back("unexpected argument " + detail::in_quotes(words[most]));
    if (into.all && of.what == action::replay && words.size() > 1)
        problems.emplace_back("--all: does not go together with an ID");
    if (of.what == action::replay && narrowed && !into.all)
        problems.emplace_back("--state, --listener and --upstream go with --all");
    if (words.size() < 2 && !of.argument.empty() && !(into.all && of.what == action::replay))
        problems.push_back(std::string(of.argument) + " is missing: finpost queue " +
                           std::string(of.name) + ' ' + std::string(of.argument) +
                           (of.what == action::replay ? "... or --all" : ""));
    if (of.argument == "ID") read_ids(words, into, problems);
    if (of.what == action::export_ && words.size() > 1) into.export_to = words[1];
    if (into.bytes && !into.output.empty())
        problems.emplace_back("--bytes: does not go together with --output");
    if (into.bytes && into.json) problems.emplace_back("--bytes: does not go together with --json");
}

std::vector<std::string> words_of(queue_flags& flags, int argc, const char* const* argv,
                                  std::vector<std::string>& problems) {
    const split_words split = split_at_end_of_options(argc, argv);
    try {
        flags.cli.parse(static_cast<int>(split.before.size()), split.before.data());
    } catch (const CLI::ParseError& error) {
        problems.emplace_back(error.what());
    }
    std::vector<std::string> words;
    for (const std::string_view word : flags.cli.remaining()) {
        if (word.size() <= 1 || word.front() != '-') {
            words.emplace_back(word);
            continue;
        }
        const std::string near = suggestion(word.substr(0, word.find('=')), flags_of(flags.cli));
        problems.push_back("unknown option " + in_quotes(word) +
                           (near.empty() ? ": see finpost queue --help" : near));
    }
    words.insert(words.end(), split.behind.begin(), split.behind.end());
    return words;
}

} // namespace

queue_options read_queue_options(int argc, const char* const* argv,
                                 std::vector<std::string>& problems) {
    queue_options out;
    queue_flags flags;
    const std::vector<std::string> words = words_of(flags, argc, argv, problems);
    if (flags.help) return out;
    std::vector<std::string> names;
    names.reserve(commands.size());
    for (const command& each : commands) names.emplace_back(each.name);
    if (words.empty()) {
        problems.emplace_back("a command is missing: see finpost queue --help");
        return out;
    }
    const auto found = std::find_if(commands.begin(), commands.end(),
                                    [&](const command& each) { return each.name == words[0]; });
    if (found == commands.end()) {
        const std::string near = suggestion(words[0], names);
        problems.push_back("unknown command " + detail::in_quotes(words[0]) +
                           (near.empty() ? ": see finpost queue --help" : near));
        return out;
    }
    out.what = found->what;
    out.json = flags.json;
    out.all = flags.all;
    out.bytes = flags.bytes;
    out.output = flags.output;
    out.from = flags.from;
    out.to = flags.to;
    read_place(flags, out, problems);
    refuse_options_of_others(flags, *found, problems);
    read_filter(flags, out, problems);
    read_arguments(*found, words, out, problems);
    return out;
}

} // namespace finpost
