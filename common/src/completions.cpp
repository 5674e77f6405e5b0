#include "completions.hpp"

#include <algorithm>
#include <set>

namespace finpost::detail {

namespace {

std::string joined(const std::vector<std::string>& all, std::string_view between) {
    std::string out;
    for (const std::string& each : all) {
        if (!out.empty()) out += between;
        out += each;
    }
    return out;
}

// With a backslash before each of `special`.
std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : text) {
        if (special.find(c) != special.npos) out += '\\';
        out += c;
    }
    return out;
}

// In single quotes, for a shell in which these end and are begun again around one that is meant.
std::string in_single_quotes(std::string_view text) {
    std::string out = "'";
    for (const char c : text) c == '\'' ? out += "'\\''" : out += c;
    return out + "'";
}

std::string origin(std::string_view program, std::string_view shell) {
    return "made by `" + std::string(program) + " --generate " + std::string(shell) + "`\n";
}

// What the value of a flag is completed to; nothing where that is not known.
std::string bash_values(const completed_flag& flag) {
    const std::vector<std::string> words = flag.words();
    if (!words.empty()) return "compgen -W '" + joined(words, " ") + "'";
    return flag.takes_file() ? "compgen -f" : "";
}

// After a flag that has a value.
std::string bash_cases(const completed_commands& all) {
    std::string out;
    std::vector<std::string> others;
    std::set<std::string> seen;
    for (const completed_command& command : all)
        for (const completed_flag& each : command.flags) {
            if (each.value.empty() || !seen.insert(each.flag).second) continue;
            const std::string values = bash_values(each);
            if (values.empty())
                others.push_back(each.flag);
            else
                out += "    " + each.flag + ") mapfile -t COMPREPLY < <(" + values +
                       " -- \"$cur\"); return ;;\n";
        }
    return others.empty() ? out : out + "    " + joined(others, " | ") + ") return ;;\n";
}

std::string bash_flags(const completed_command& command) {
    std::vector<std::string> flags;
    for (const completed_flag& each : command.flags) flags.push_back(each.flag);
    return "flags='" + joined(flags, " ") + "'";
}

std::string zsh_argument(const completed_flag& flag) {
    std::string out = flag.repeatable ? "*" : "";
    (out += flag.flag) += '[' + escaped(flag.meaning, "[]\\") + ']';
    if (!flag.value.empty()) {
        out += ':' + escaped(flag.value, ":\\") + ':';
        const std::vector<std::string> words = flag.words();
        if (!words.empty())
            out += '(' + joined(words, " ") + ')';
        else if (flag.takes_file())
            out += "_files";
    }
    return in_single_quotes(out);
}

std::string zsh_arguments(const completed_command& command, const std::string& indent) {
    std::string out = indent + "_arguments";
    for (const completed_flag& each : command.flags)
        (out += " \\\n" + indent + "    ") += zsh_argument(each);
    return out + " \\\n" + indent + "    '*:file:_files'\n";
}

std::string fish_flag(std::string_view program, const std::string& when,
                      const completed_flag& flag) {
    std::string out = "complete -c " + std::string(program) + when;
    out +=
        flag.flag.starts_with("--") ? " -l " + flag.flag.substr(2) : " -s " + flag.flag.substr(1);
    if (const auto words = flag.words(); !words.empty())
        out += " -x -a '" + joined(words, " ") + "'";
    else if (!flag.value.empty())
        out += flag.takes_file() ? " -r -F" : " -x";
    return out + " -d '" + escaped(flag.meaning, "'\\") + "'\n";
}

std::string bash_completions(std::string_view program, const completed_commands& all) {
    const std::string name(program);
    std::string out = "# bash completion of " + name + ", " + origin(program, "bash");
    out += '_' + name + "() {\n    local cur=${COMP_WORDS[COMP_CWORD]} flags\n    COMPREPLY=()\n";
    out += "    case ${COMP_WORDS[COMP_CWORD - 1]} in\n";
    out += bash_cases(all);
    std::vector<std::string> names;
    for (const completed_command& command : all)
        if (!command.name.empty()) names.push_back(command.name);
    out += "    esac\n    case ${COMP_WORDS[1]} in\n";
    for (const completed_command& command : all) {
        if (command.name.empty()) continue;
        out += "    " + command.name + ") " + bash_flags(command) + " ;;\n";
    }
    for (const completed_command& command : all)
        if (command.name.empty()) out += "    *) " + bash_flags(command) + " ;;\n";
    out += "    esac\n";
    if (!names.empty())
        out += "    [ \"$COMP_CWORD\" -gt 1 ] || flags=\"" + joined(names, " ") + " $flags\"\n";
    out += "    mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$cur\")\n}\n";
    return out + "complete -o bashdefault -o default -F _" + name + ' ' + name + '\n';
}

std::string zsh_completions(std::string_view program, const completed_commands& all) {
    const std::string name(program);
    std::string out = "#compdef " + name + "\n# " + origin(program, "zsh");
    if (all.size() == 1) return out + zsh_arguments(all.front(), "");
    std::vector<std::string> first;
    for (const completed_command& command : all) {
        if (!command.name.empty()) first.push_back(command.name);
        for (const completed_flag& each : command.flags)
            if (command.name.empty()) first.push_back(each.flag);
    }
    out +=
        "if (( CURRENT == 2 )); then\n    compadd -- " + joined(first, " ") + "\n    return\nfi\n";
    out += "case $words[2] in\n";
    for (const completed_command& command : all) {
        if (command.name.empty()) continue;
        out += command.name + ")\n" + zsh_arguments(command, "    ") + "    ;;\n";
    }
    return out + "esac\n";
}

std::string fish_completions(std::string_view program, const completed_commands& all) {
    const std::string name(program);
    std::string out = "# fish completion of " + name + ", " + origin(program, "fish");
    const bool commands = all.size() > 1;
    for (const completed_command& command : all) {
        std::string when;
        if (commands && command.name.empty()) when = " -n __fish_use_subcommand";
        if (!command.name.empty()) {
            out += "complete -c " + name + " -n __fish_use_subcommand -a " + command.name + '\n';
            when = " -n '__fish_seen_subcommand_from " + command.name + "'";
        }
        for (const completed_flag& each : command.flags) out += fish_flag(program, when, each);
    }
    return out;
}

} // namespace

std::vector<std::string> completed_flag::words() const {
    std::vector<std::string> out;
    for (std::size_t from = 0; from < value.size();) {
        const std::size_t to = std::min(value.find('|', from), value.size());
        const std::string one = value.substr(from, to - from);
        const bool word =
            one.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == one.npos;
        if (word && !one.empty()) out.push_back(one);
        from = to + 1;
    }
    return out;
}

bool completed_flag::takes_file() const {
    return value.find("FILE") != value.npos || value.find("DIR") != value.npos;
}

std::optional<std::string> completions(std::string_view shell, std::string_view program,
                                       const completed_commands& all) {
    if (shell == "bash") return bash_completions(program, all);
    if (shell == "zsh") return zsh_completions(program, all);
    if (shell == "fish") return fish_completions(program, all);
    return std::nullopt;
}

} // namespace finpost::detail
