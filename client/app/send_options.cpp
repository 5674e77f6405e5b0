#include "send_options.hpp"

#include "help_text.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <string_view>

namespace finpost {

using namespace detail;

namespace {

// Below the ten seconds after which a gateway by default gives up a client that sends nothing: its
// end is then no answer to the half-close.
constexpr duration probe_time{5'000};

void read_codec(const std::string& text, const char* flag, bool& base64,
                std::vector<std::string>& problems) {
    static constexpr std::array<std::string_view, 2> codecs{"none", "base64"};
    base64 = text == "base64";
    if (!text.empty() && text != "none" && !base64)
        problems.push_back(std::string(flag) + ": " + unknown_word(text, codecs).message);
}

// The first argument of `finpost send` and `finpost probe`.
void read_target(const std::vector<std::string>& words, const std::string& usage, host_port& target,
                 std::vector<std::string>& problems) {
    if (words.size() < 2) return problems.push_back("HOST:PORT is missing: " + usage);
    const auto read = parse_host_port(words[1]);
    if (!read)
        problems.push_back("HOST:PORT: " + read.error().message);
    else if (read->port == 0)
        problems.push_back("HOST:PORT: nobody listens on port 0");
    else
        target = *read;
}

void read_frame(const std::string& text, frame_spec& frame, std::vector<std::string>& problems) {
    if (text.empty()) return; // the default
    const auto read = parse_frame_spec(text);
    if (!read)
        problems.push_back("--frame: " + read.error().message);
    else
        frame = *read;
}

void read_reply_format(const std::string& text, send_options& into,
                       std::vector<std::string>& problems) {
    if (text.empty()) return; // the default
    const auto read = parse_form_kind(text);
    if (!read) return problems.push_back("--reply-format: " + read.error().message);
    into.reply_format = *read;
    if (into.decode && into.reply_format != form_kind::body)
        problems.push_back(
            "--decode: goes with --reply-format body alone, as --encode of a gateway");
}

void refuse_more_than(std::size_t n, const std::vector<std::string>& words,
                      std::vector<std::string>& problems) {
    if (words.size() > n) problems.push_back("unexpected argument " + detail::in_quotes(words[n]));
}

// The options as text, until all of them are read: CLI11 stops at the first problem, and people
// want to see all.
class command_flags {
public:
    command_flags();

    void parse(const std::vector<const char*>& words, std::vector<std::string>& problems);
    bool wants_help() const { return help_; }
    bool wants_version() const { return version_; }
    // What is not an option: the command and its arguments. An unknown option is a problem.
    std::vector<std::string> arguments(std::vector<std::string>& problems) const;

    // Both read from `words`, whose first is the command.
    void read(const std::vector<std::string>& words, send_options& into,
              std::vector<std::string>& problems) const;
    void read(const std::vector<std::string>& words, probe_options& into,
              std::vector<std::string>& problems) const;
    // Options that only another command has would have no effect.
    void refuse_options_of_others(std::string_view command,
                                  std::vector<std::string>& problems) const;

private:
    CLI::App cli_;
    bool help_ = false, version_ = false, expect_reply_ = false;
    std::string encode_, decode_, frame_, reply_format_, payload_;
    const connection_flags connection_{cli_};
};

command_flags::command_flags() {
    cli_.set_help_flag();
    cli_.allow_extras();
    cli_.add_flag("-h,--help", help_);
    cli_.add_flag("--version", version_);
    cli_.add_option("--encode", encode_);
    cli_.add_option("--decode", decode_);
    cli_.add_option("--frame", frame_);
    cli_.add_option("--reply-format", reply_format_);
    cli_.add_option("--payload", payload_);
    cli_.add_flag("--expect-reply", expect_reply_);
}

void command_flags::parse(const std::vector<const char*>& words,
                          std::vector<std::string>& problems) {
    try {
        cli_.parse(static_cast<int>(words.size()), words.data());
    } catch (const CLI::ParseError& error) {
        problems.push_back(error.what());
    }
}

std::vector<std::string> command_flags::arguments(std::vector<std::string>& problems) const {
    std::vector<std::string> out;
    for (const std::string_view word : cli_.remaining()) {
        if (word.size() <= 1 || word.front() != '-') {
            out.emplace_back(word);
            continue;
        }
        const std::string near = suggestion(word.substr(0, word.find('=')), flags_of(cli_));
        problems.push_back("unknown option " + in_quotes(word) +
                           (near.empty() ? ": see --help" : near));
    }
    return out;
}

void command_flags::read(const std::vector<std::string>& words, send_options& into,
                         std::vector<std::string>& problems) const {
    read_target(words, "finpost send HOST:PORT [FILE]", into.target, problems);
    if (words.size() > 2) into.file = words[2];
    refuse_more_than(3, words, problems);
    read_codec(encode_, "--encode", into.encode, problems);
    read_codec(decode_, "--decode", into.decode, problems);
    read_frame(frame_, into.frame, problems);
    read_reply_format(reply_format_, into, problems);
    into.expect_reply = expect_reply_;
    connection_.read(into, problems);
}

void command_flags::read(const std::vector<std::string>& words, probe_options& into,
                         std::vector<std::string>& problems) const {
    into.total = probe_time;
    read_target(words, "finpost probe HOST:PORT", into.target, problems);
    refuse_more_than(2, words, problems);
    into.payload = payload_;
    connection_.read(into, problems);
}

void command_flags::refuse_options_of_others(std::string_view command,
                                             std::vector<std::string>& problems) const {
    const auto only_for = [&](const char* owner, bool used, const char* flag) {
        if (used && command != owner)
            problems.push_back(std::string(flag) + " is for finpost " + owner);
    };
    only_for("send", !encode_.empty(), "--encode");
    only_for("send", !decode_.empty(), "--decode");
    only_for("send", !frame_.empty(), "--frame");
    only_for("send", !reply_format_.empty(), "--reply-format");
    only_for("send", expect_reply_, "--expect-reply");
    only_for("probe", !payload_.empty(), "--payload");
}

} // namespace

command_line read_command_line(int argc, const char* const* argv) {
    command_line out;
    out.help = help_text;
    command_flags flags;
    const split_words split = split_at_end_of_options(argc, argv);
    flags.parse(split.before, out.problems);
    if (flags.wants_help() || flags.wants_version()) {
        out.what = flags.wants_help() ? command_line::action::help : command_line::action::version;
        return out;
    }
    std::vector<std::string> words = flags.arguments(out.problems);
    words.insert(words.end(), split.behind.begin(), split.behind.end());
    if (words.empty()) {
        out.problems.push_back("a command is missing: finpost send HOST:PORT [FILE]");
        return out;
    }
    const std::string& command = words.front();
    if (command == "send") {
        out.what = command_line::action::send;
        flags.read(words, out.send, out.problems);
    } else if (command == "probe") {
        out.what = command_line::action::probe;
        flags.read(words, out.probe, out.problems);
    } else {
        const std::string near = suggestion(command, {"send", "probe", "load", "queue"});
        out.problems.push_back("unknown command " + detail::in_quotes(command) +
                               (near.empty() ? ": see --help" : near));
        return out;
    }
    flags.refuse_options_of_others(command, out.problems);
    return out;
}

} // namespace finpost
