#include "config/help.hpp"

#include "config/option_table.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace finpost {

namespace {

// Spaces up to a column of the line, and one at least.
void pad(std::string& text, std::size_t column) {
    const std::size_t used = text.size() - (text.rfind('\n') + 1);
    text.append(used + 1 < column ? column - used : 1, ' ');
}

// Wrapped at words.
void append_meaning(std::string& text, std::string_view meaning) {
    constexpr std::size_t indent = 6, width = 98;
    std::size_t used = indent;
    text += '\n' + std::string(indent, ' ');
    while (!meaning.empty()) {
        const std::string_view word = meaning.substr(0, meaning.find(' '));
        meaning.remove_prefix(std::min(meaning.size(), word.size() + 1));
        if (used + word.size() > width) {
            text += '\n' + std::string(indent, ' ');
            used = indent;
        }
        if (used > indent) text += ' ';
        text += word;
        used += word.size() + 1;
    }
    text += '\n';
}

void append_option(std::string& text, const option_row& row) {
    text += "  " + std::string(row.flag);
    if (!row.is_switch()) text += ' ' + std::string(row.value);
    if (row.repeatable()) text += " *";
    pad(text, 38);
    text += row.environment();
    pad(text, 66);
    const auto texts = row.default_texts();
    text += texts.empty() ? std::string(row.without) : texts.front();
    append_meaning(text, row.meaning);
}

} // namespace

std::string help_text() {
    std::string text =
        "finpostd: a TCP FIN comes in, an HTTP POST goes out.\n\n"
        "  finpostd --listen 127.0.0.1:5000 --upstream http://127.0.0.1:3000/upload\n"
        "  finpostd --config /etc/finpost/finpost.toml [--check]\n"
        "  finpostd --demo\n\n"
        "Sizes take KiB, MiB and GiB, a bare number is bytes. Times need a unit: ms, s, m or h.\n"
        "A flag wins over its environment variable, and both over the configuration file, where a\n"
        "setting has the flag's name with _ for -: max_payload = \"1MiB\". A flag marked * may be\n"
        "given several times; its variable takes commas, its setting an array.\n\n"
        "  --config FILE                       FINPOST_CONFIG              none\n"
        "      the configuration file, in TOML; SIGHUP reads it again\n"
        "  --check\n"
        "      checks the configuration and what it needs of this machine, prints all of it as a\n"
        "      file, and exits with 0, or with 2 and every problem\n"
        "  --connect\n"
        "      with --check: also connects to each endpoint of the upstream, and asks for its "
        "health path\n";
    for (const option_row& row : option_table()) append_option(text, row);
    text +=
        "  --health\n      asks the admin port of a running gateway whether it serves: exit code 0 "
        "or 1\n  --version\n      prints the version\n  --help, -h\n      prints this\n\n"
        "Exit codes: 0 a clean stop, 1 a run-time failure, 2 a bad option or file.\n"
        "SIGTERM and SIGINT finish what is in flight and stop; a second one stops now. SIGHUP\n"
        "reads the file again; while anything in it is wrong, nothing changes. SIGUSR1 opens the\n"
        "log file again.\n";
    return text;
}

} // namespace finpost
