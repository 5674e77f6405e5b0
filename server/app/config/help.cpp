#include "config/help.hpp"

#include "config/flag_texts.hpp"
#include "config/wrapped.hpp"

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

void append_option(std::string& text, const flag_text& option) {
    text += "  " + std::string(option.flag);
    if (!option.value.empty()) text += ' ' + std::string(option.value);
    if (option.repeatable) text += " *";
    if (!option.environment.empty()) {
        pad(text, 38);
        text += option.environment;
        pad(text, 66);
        text += option.by_default;
    }
    text += "\n      " + wrapped(option.meaning, "      ", 98) + '\n';
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
        "given several times; its variable takes commas, its setting an array.\n\n";
    for (const flag_text& option : flag_texts()) append_option(text, option);
    text +=
        "\n"
        "Exit codes: 0 a clean stop, 1 a run-time failure, 2 a bad option or file.\n"
        "SIGTERM and SIGINT finish what is in flight and stop; a second one stops now. SIGHUP\n"
        "reads the file again; while anything in it is wrong, nothing changes. SIGUSR1 opens the\n"
        "log file again.\n";
    return text;
}

} // namespace finpost
