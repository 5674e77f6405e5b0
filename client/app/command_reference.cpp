#include "command_reference.hpp"

#include "completions.hpp"
#include "help_text.hpp"
#include "load_help.hpp"
#include "queue/queue_help.hpp"
#include "quoted.hpp"

#include "finpost/version.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace finpost {

namespace {

using detail::completed_flag;

constexpr std::size_t meaning_column = 36;

std::string_view next_line(std::string_view& text) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    return line;
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

// "-c, --connections N": a flag without a value has that of the next.
std::vector<completed_flag> named_flags(std::string_view names) {
    std::vector<completed_flag> out;
    while (!names.empty()) {
        const std::string_view one = names.substr(0, names.find(", "));
        names.remove_prefix(std::min(names.size(), one.size() + 2));
        const std::string_view flag = one.substr(0, one.find(' '));
        const std::string_view value = trimmed(one.substr(flag.size()));
        if (flag == "--") continue; // ends the options
        for (completed_flag& before : out)
            if (before.value.empty()) before.value = value;
        out.push_back({std::string(flag), std::string(value), {}, false});
    }
    return out;
}

// The lines of a help text that begin with a flag, with what follows them in the column of
// meanings.
std::vector<completed_flag> flags_in(std::string_view help) {
    std::vector<completed_flag> all;
    std::size_t begun = 0; // of `all`, where the flags of this paragraph begin
    while (!help.empty()) {
        std::string_view line = next_line(help);
        std::string_view meaning;
        if (line.starts_with("  -")) {
            const std::string_view names = line.substr(2, line.find("  ", 2) - 2);
            begun = all.size();
            for (completed_flag& each : named_flags(names)) all.push_back(std::move(each));
            if (line.size() > meaning_column) meaning = trimmed(line.substr(2 + names.size()));
        } else if (line.starts_with(std::string(meaning_column, ' '))) {
            meaning = trimmed(line);
        } else {
            begun = all.size();
        }
        for (std::size_t i = begun; i < all.size() && !meaning.empty(); ++i)
            (all[i].meaning += all[i].meaning.empty() ? "" : " ") += meaning;
    }
    for (completed_flag& each : all) {
        const std::string_view whole = each.meaning;
        each.meaning = std::string(trimmed(whole.substr(0, whole.find_first_of(";["))));
    }
    return all;
}

detail::completed_commands completed() {
    const auto common = flags_in(help_text);
    return {{"send", common},
            {"probe", common},
            {"load", flags_in(load_help)},
            {"queue", flags_in(queue_help)},
            {"",
             {{"--help", "", "prints what there is", false},
              {"--version", "", "prints the version", false},
              {"--generate", "man|bash|zsh|fish", "prints a reference", false}}}};
}

// As it is: its columns say what belongs together.
std::string section(std::string_view title, std::string_view help) {
    std::string out = ".SH " + std::string(title) + "\n.nf\n";
    while (!help.empty()) {
        const std::string_view line = next_line(help);
        if (line.starts_with('.') || line.starts_with('\'')) out += "\\&";
        for (const char c : line) c == '\\' ? out += "\\e" : c == '-' ? out += "\\-" : out += c;
        out += '\n';
    }
    return out + ".fi\n";
}

std::string manual_page() {
    return ".\\\" Made by `finpost --generate man`\n"
           ".TH FINPOST 1 \"\" \"finpost " FINPOST_VERSION "\" \"User Commands\"\n"
           ".SH NAME\nfinpost \\- sends a payload to a finpostd gateway, and looks after its "
           "queue\n"
           ".SH SYNOPSIS\n.B finpost\n\\fIsend\\fR|\\fIprobe\\fR|\\fIload\\fR|\\fIqueue\\fR "
           "[\\fIOPTION\\fR]...\n" +
           section("SEND AND PROBE", help_text) + section("LOAD", load_help) +
           section("QUEUE", queue_help) + ".SH SEE ALSO\n.BR finpostd (8)\n";
}

} // namespace

std::optional<std::string> command_reference(std::string_view kind) {
    if (kind == "man") return manual_page();
    return detail::completions(kind, "finpost", completed());
}

int generate(std::string_view kind) {
    const auto text = command_reference(kind);
    if (text)
        std::fputs(text->c_str(), stdout);
    else
        std::fprintf(stderr, "finpost: --generate: %s: expected man, bash, zsh or fish\n",
                     detail::in_quotes(kind).c_str());
    return text ? 0 : 2;
}

} // namespace finpost
