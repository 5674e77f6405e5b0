#include "config/option_table.hpp"
#include "config/options.hpp"

#include <cstddef>
#include <string_view>

namespace finpost {

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
    const auto pad = [&text](std::size_t column) {
        const std::size_t begin = text.rfind('\n') + 1;
        const std::size_t used = text.size() - begin;
        text.append(used + 1 < column ? column - used : 1, ' ');
    };
    for (const option_row& row : option_table()) {
        text += "  " + std::string(row.flag);
        if (!row.is_switch()) text += ' ' + std::string(row.value);
        if (row.repeatable()) text += " *";
        pad(38);
        text += row.environment();
        pad(66);
        const auto texts = row.default_texts();
        text += texts.empty() ? std::string(row.without) : texts.front();
        text += "\n      ";
        // Meanings are wrapped at words.
        std::size_t used = 6;
        std::string_view rest = row.meaning;
        while (!rest.empty()) {
            const std::string_view word = rest.substr(0, rest.find(' '));
            rest.remove_prefix(std::min(rest.size(), word.size() + 1));
            if (used + word.size() > 98) {
                text += "\n      ";
                used = 6;
            }
            if (used > 6) text += ' ';
            text += word;
            used += word.size() + 1;
        }
        text += '\n';
    }
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
