#include "send_options.hpp"

#include "finpost/quoted.hpp"
#include "finpost/suggestion.hpp"

#include <CLI/CLI.hpp>

#include <string_view>

namespace finpost {

namespace {

// Below the ten seconds after which a gateway by default gives up a client that sends nothing: its
// end is then no answer to the half-close.
constexpr duration probe_time{5'000};

constexpr std::string_view help = R"(finpost: the client of finpostd

  finpost send HOST:PORT [FILE]     sends FILE or standard input, half-closes, and writes the reply
                                    to standard output
  finpost probe HOST:PORT           tells whether a half-close survives the path to a gateway
  finpost load HOST:PORT            measures a gateway with many clients at once: see
                                    finpost load --help

  --encode none|base64              what is made of the payload before it is sent [none]
  --decode none|base64              what the reply is decoded from [none]
  --expect-reply                    send: an empty reply is a failure, exit code 6
  --payload TEXT                    probe: what is sent before the half-close [nothing]. With it the
                                    gateway makes a request of it, and the answer is the proof
  --connect-timeout TIME            the longest time for looking up the host, connecting, and the TLS
                                    handshake [5s]
  --timeout TIME                    the longest time for everything [35s; probe: 5s]
  --tls                             TLS 1.2 or 1.3; the half-close is then a close_notify
  --ca FILE                         the certificates that may have signed the gateway's [the system's]
  --cert FILE, --key FILE           our certificate, if the gateway asks for one, and its key
                                    [in the same file]
  --server-name NAME                whom the gateway must prove to be [HOST]
  --proxy-protocol v1|v2            sends a PROXY header before everything else
  --proxy-source IP:PORT, --proxy-destination IP:PORT
                                    the addresses in it [the connection's own]
  --                                ends the options: what follows is HOST:PORT or a file
  -v, --verbose                     says the connection as the socket sees it, and how long each
                                    stage took, on standard error
  --version, --help

Times need a unit: ms, s, m or h. Standard input may be given as "-". A progress bar is shown on a
terminal when something takes long; what it counts is sent, which is not yet received. The connection
is made when the first byte of the payload is there: nothing is sent of an empty one.

Exit codes:
  0  the whole payload was sent and the whole reply has come
  2  a bad option, a file that cannot be read, or an empty payload; nothing was sent
  3  no connection, or no TLS handshake; nothing was sent
  4  a time limit
  5  the gateway refused; the reason is on standard error and nothing on standard output
  6  the connection was reset or cut, or the reply is empty and --expect-reply was given
finpost probe: 0 the half-close survives, 4 nothing came back, 6 it does not
)";

void read_codec(const std::string& text, const char* flag, bool& base64,
                std::vector<std::string>& problems) {
    base64 = text == "base64";
    if (!text.empty() && text != "none" && text != "base64")
        problems.push_back(std::string(flag) + ": " + finpost::quoted(text) +
                           " is neither none nor base64" + suggestion(text, {"none", "base64"}));
}

// What `finpost send` and `finpost probe` are told beside their options.
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

void refuse_more_than(std::size_t n, const std::vector<std::string>& words,
                      std::vector<std::string>& problems) {
    if (words.size() > n) problems.push_back("unexpected argument " + finpost::quoted(words[n]));
}

} // namespace

// Everything is read as text: CLI11 stops at the first problem, and people want to see all.
command_line read_command_line(int argc, const char* const* argv) {
    command_line out;
    out.help = help;
    CLI::App cli;
    cli.set_help_flag();
    cli.allow_extras();
    bool wants_help = false, wants_version = false, expect_reply = false;
    std::vector<std::string> words;
    std::string encode, decode, payload;
    cli.add_flag("-h,--help", wants_help);
    cli.add_flag("--version", wants_version);
    cli.add_option("--encode", encode);
    cli.add_option("--decode", decode);
    cli.add_option("--payload", payload);
    cli.add_flag("--expect-reply", expect_reply);
    const connection_flags connection(cli);
    const split_words split = split_at_end_of_options(argc, argv);
    try {
        cli.parse(static_cast<int>(split.before.size()), split.before.data());
    } catch (const CLI::ParseError& error) {
        out.problems.push_back(error.what());
    }
    if (wants_help || wants_version) {
        out.what = wants_help ? command_line::action::help : command_line::action::version;
        return out;
    }
    for (const std::string_view word :
         cli.remaining()) { // a view: std::quoted takes strings for its own
        if (word.size() > 1 && word.front() == '-') {
            const std::string_view name = word.substr(0, word.find('='));
            const std::string near = suggestion(name, flags_of(cli));
            out.problems.push_back("unknown option " + quoted(word) +
                                   (near.empty() ? ": see --help" : near));
        } else {
            words.emplace_back(word);
        }
    }
    words.insert(words.end(), split.behind.begin(), split.behind.end());
    if (words.empty()) {
        out.problems.push_back("a command is missing: finpost send HOST:PORT [FILE]");
        return out;
    }
    const auto only_for = [&](const char* command, const std::string& value, const char* flag) {
        if (!value.empty() && words[0] != command)
            out.problems.push_back(std::string(flag) + " is for finpost " + command);
    };
    if (words[0] == "send") {
        out.what = command_line::action::send;
        read_target(words, "finpost send HOST:PORT [FILE]", out.send.target, out.problems);
        if (words.size() > 2) out.send.file = words[2];
        refuse_more_than(3, words, out.problems);
        read_codec(encode, "--encode", out.send.encode, out.problems);
        read_codec(decode, "--decode", out.send.decode, out.problems);
        out.send.expect_reply = expect_reply;
        connection.read(out.send, out.problems);
    } else if (words[0] == "probe") {
        out.what = command_line::action::probe;
        out.probe.total = probe_time;
        read_target(words, "finpost probe HOST:PORT", out.probe.target, out.problems);
        refuse_more_than(2, words, out.problems);
        out.probe.payload = payload;
        connection.read(out.probe, out.problems);
    } else {
        const std::string near = suggestion(words[0], {"send", "probe", "load"});
        out.problems.push_back("unknown command " + finpost::quoted(words[0]) +
                               (near.empty() ? ": see --help" : near));
        return out;
    }
    only_for("send", encode, "--encode");
    only_for("send", decode, "--decode");
    only_for("send", expect_reply ? "given" : "", "--expect-reply");
    only_for("probe", payload, "--payload");
    return out;
}

} // namespace finpost
