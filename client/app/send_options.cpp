#include "send_options.hpp"

#include "finpost/quoted.hpp"

#include <CLI/CLI.hpp>

#include <string_view>

namespace finpost {

namespace {

constexpr std::string_view help = R"(finpost: the client of finpostd

  finpost send HOST:PORT [FILE]     sends FILE or standard input, half-closes, and writes the reply
                                    to standard output
  finpost load HOST:PORT            measures a gateway with many clients at once: see
                                    finpost load --help

  --encode none|base64              what is made of the payload before it is sent [none]
  --decode none|base64              what the reply is decoded from [none]
  --connect-timeout TIME            the longest time for looking up the host and connecting [5s]
  --timeout TIME                    the longest time for everything [30s]
  -v, --verbose                     says the connection as the socket sees it, and how long each
                                    stage took, on standard error
  --version, --help

Times need a unit: ms, s, m or h. Standard input may be given as "-". A progress bar is shown on a
terminal when something takes long; what it counts is sent, which is not yet received.

Exit codes:
  0  the whole payload was sent and the whole reply has come
  2  a bad option, or a file that cannot be read; nothing was sent
  3  no connection; nothing was sent
  4  a time limit
  5  the gateway refused; the reason is on standard error and nothing on standard output
  6  the connection was reset or cut
)";

void read_codec(const std::string& text, const char* flag, bool& base64,
                std::vector<std::string>& problems) {
    base64 = text == "base64";
    if (text != "none" && text != "base64")
        problems.push_back(std::string(flag) + ": " + finpost::quoted(text) + " is neither none nor base64");
}

void read_time(const std::string& text, const char* flag, duration& value,
               std::vector<std::string>& problems) {
    const auto read = parse_duration(text);
    if (!read) problems.push_back(std::string(flag) + ": " + read.error().message);
    else if (*read <= duration::zero()) problems.push_back(std::string(flag) + ": must be above zero");
    else value = *read;
}

} // namespace

// Everything is read as text: CLI11 stops at the first problem, and people want to see all.
command_line read_command_line(int argc, const char* const* argv) {
    command_line out;
    out.help = help;
    CLI::App cli;
    cli.set_help_flag();
    cli.allow_extras();
    bool wants_help = false, wants_version = false;
    std::vector<std::string> words;
    std::string encode = "none", decode = "none", connect = "5s", total = "30s";
    cli.add_flag("-h,--help", wants_help);
    cli.add_flag("--version", wants_version);
    cli.add_flag("-v,--verbose", out.send.verbose);
    cli.add_option("--encode", encode);
    cli.add_option("--decode", decode);
    cli.add_option("--connect-timeout", connect);
    cli.add_option("--timeout", total);
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        out.problems.push_back(error.what());
    }
    if (wants_help || wants_version) {
        out.what = wants_help ? command_line::action::help : command_line::action::version;
        return out;
    }
    for (const std::string_view word : cli.remaining()) { // a view: std::quoted takes strings for its own
        if (word.size() > 1 && word.front() == '-' && word != "--")
            out.problems.push_back(quoted(word) + " is no option: see --help");
        else if (word != "--")
            words.emplace_back(word);
    }
    if (words.empty()) {
        out.problems.push_back("a command is missing: finpost send HOST:PORT [FILE]");
        return out;
    }
    if (words[0] != "send") {
        out.problems.push_back(finpost::quoted(words[0]) + " is no command: see --help");
        return out;
    }
    out.what = command_line::action::send;
    if (words.size() < 2) {
        out.problems.push_back("HOST:PORT is missing: finpost send HOST:PORT [FILE]");
    } else {
        const auto target = parse_host_port(words[1]);
        if (!target) out.problems.push_back("HOST:PORT: " + target.error().message);
        else if (target->port == 0) out.problems.push_back("HOST:PORT: nobody listens on port 0");
        else out.send.target = *target;
    }
    if (words.size() > 2) out.send.file = words[2];
    if (words.size() > 3) out.problems.push_back(finpost::quoted(words[3]) + " is one argument too many");
    read_codec(encode, "--encode", out.send.encode, out.problems);
    read_codec(decode, "--decode", out.send.decode, out.problems);
    read_time(connect, "--connect-timeout", out.send.connect, out.problems);
    read_time(total, "--timeout", out.send.total, out.problems);
    return out;
}

} // namespace finpost
