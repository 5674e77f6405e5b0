#include "config/references.hpp"

#include "completions.hpp"
#include "config/effective_config.hpp"
#include "config/flag_texts.hpp"
#include "config/wrapped.hpp"

#include "finpost/version.hpp"

#include <vector>

namespace finpost {

namespace {

detail::completed_commands completed() {
    std::vector<detail::completed_flag> flags;
    for (const flag_text& each : flag_texts()) {
        const std::string_view flag = each.flag.substr(0, each.flag.find(','));
        const std::string_view meaning = each.meaning.substr(0, each.meaning.find(';'));
        flags.push_back(
            {std::string(flag), std::string(each.value), std::string(meaning), each.repeatable});
    }
    return {{"", std::move(flags)}};
}

// Of a page for man(1): no line of a text may begin as a request does.
std::string roff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && out.empty())
            (out += "\\&") += c;
        else
            out += c;
    }
    return out;
}

std::string roff_flag(const flag_text& of) {
    std::string out = ".TP\n\\fB" + roff(of.flag) + "\\fR";
    if (!of.value.empty()) out += " \\fI" + roff(of.value) + "\\fR";
    if (of.repeatable) out += ", several times";
    out += '\n' + roff(of.meaning) + ".\n";
    if (of.environment.empty()) return out;
    return out + ".br\nEnvironment: " + roff(of.environment) + ". Default: " + roff(of.by_default) +
           ".\n";
}

// In a cell of a table.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) c == '|' ? out += "\\|" : out += c;
    return out;
}

} // namespace

std::optional<std::string> reference_of(std::string_view kind) {
    if (kind == "man") return manual_page();
    if (kind == "markdown") return options_table();
    if (kind == "toml") return sample_file();
    if (kind == "schema") return file_schema();
    return detail::completions(kind, "finpostd", completed());
}

std::string manual_page() {
    std::string out =
        ".\\\" Made by `finpostd --generate man`\n"
        ".TH FINPOSTD 8 \"\" \"finpost " FINPOST_VERSION "\" \"System Administration\"\n"
        ".SH NAME\nfinpostd \\- a TCP FIN comes in, an HTTP POST goes out\n"
        ".SH SYNOPSIS\n.B finpostd\n[\\fIOPTION\\fR]...\n"
        ".SH DESCRIPTION\n"
        "A client connects, sends its payload and half\\-closes the connection, or ends the "
        "payload\n"
        "as \\fB\\-\\-frame\\fR says. finpostd makes one HTTP request of it to an ordinary HTTP\n"
        "service, and writes the answer back on the half of the connection that is still open.\n"
        ".PP\n"
        "Sizes take KiB, MiB and GiB, a bare number is bytes. Times need a unit: ms, s, m or h.\n"
        "A flag wins over its environment variable, and both over the configuration file, where a\n"
        "setting has the flag's name with _ for \\-: max_payload = \"1MiB\". For a flag that may "
        "be\n"
        "given several times the variable takes commas, and the setting an array.\n"
        ".SH OPTIONS\n";
    for (const flag_text& each : flag_texts()) out += roff_flag(each);
    return out +
           ".SH EXIT STATUS\n0: a clean stop. 1: a run\\-time failure. 2: a bad option or file.\n"
           ".SH SIGNALS\n.TP\nSIGTERM, SIGINT\n"
           "what is in flight finishes, then the process ends; a second one ends it now.\n"
           ".TP\nSIGHUP\nthe file is read again; while anything in it is wrong, nothing changes.\n"
           ".TP\nSIGUSR1\nthe log file is opened again.\n"
           ".SH SEE ALSO\n.BR finpost (1)\n";
}

std::string options_table() {
    std::string out = "| flag | environment | default | meaning |\n|---|---|---|---|\n";
    for (const flag_text& each : flag_texts()) {
        out += "| `" + std::string(each.flag);
        if (!each.value.empty()) out += ' ' + cell(each.value);
        out += each.repeatable ? "` (repeatable) | " : "` | ";
        if (!each.environment.empty()) out += '`' + each.environment + '`';
        out += " | " + cell(each.by_default) + " | " + cell(each.meaning) + " |\n";
    }
    return out;
}

std::string sample_file() {
    std::string out =
        "# What finpostd reads with --config. Every setting stands here as a comment, with its\n"
        "# default; `finpostd --config FILE --check` says whether a file is good. Several\n"
        "# listeners and services: [[listeners]] and [upstreams.NAME] tables.\n";
    for (const option_row& row : option_table()) {
        out += "\n# " + wrapped(row.meaning, "# ", 98) + '\n';
        const std::vector<std::string> texts = row.default_texts();
        out += "# " + row.key() +
               (texts.empty() ? ": " + std::string(row.without) : " = " + file_value(row, texts));
        out += '\n';
    }
    return out;
}

} // namespace finpost
