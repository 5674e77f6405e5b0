#include "config/option_table.hpp"
#include "config/options.hpp"

#include "finpost/ascii.hpp"
#include "finpost/version.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace finpost {

namespace {

std::string in_quotes(std::string_view text) { // a basic string of TOML
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            (out += '\\') += c;
        } else if ((c >= 0 && c < ' ') || c == '\x7f') {
            std::array<char, 8> code{};
            std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
            out += code.data();
        } else {
            out += c;
        }
    }
    return out + '"';
}

bool is_number(std::string_view text) {
    return !text.empty() && text.size() <= 18 && (text == "0" || text.front() != '0') &&
           text.find_first_not_of("0123456789") == text.npos;
}

// The value of a field that is there to prove who sends it is nobody else's business.
bool is_secret(std::string name) {
    for (char& c : name) c = ascii_lower(c);
    for (const char* sign : {"auth", "cookie", "token", "secret", "key", "pass", "pwd", "bearer",
                             "jwt", "credential", "session", "signature"})
        if (name.find(sign) != name.npos) return true;
    // Within a word it is mostly another one: shipping, mapping.
    for (std::size_t at = name.find("pin"); at != name.npos; at = name.find("pin", at + 1)) {
        const auto letter = [&](std::size_t i) {
            return i < name.size() && name[i] >= 'a' && name[i] <= 'z';
        };
        if (!letter(at + 3)) return true;
        if ((at == 0 || !letter(at - 1)) && name.compare(at + 3, 4, "code") == 0) return true;
    }
    return false;
}

std::string masked(const std::string& text) {
    const std::string name = text.substr(0, text.find(':'));
    return is_secret(name) ? name + ": ********" : text;
}

std::string value_of(const option_row& row, const std::string& text) {
    if (row.is_switch()) {
        const bool on = text == "true" || text == "on" || text == "yes" || text == "1";
        return on ? "true" : "false";
    }
    if (row.value == "N" && is_number(text)) return text;
    if (row.flag == "--header") return in_quotes(masked(text));
    const bool url =
        row.flag == "--upstream" || row.flag == "--path" || row.flag == "--health-path";
    return in_quotes(url ? masked_url(text) : text);
}

// Some defaults are words for people ("one a core"), and no value that could be set.
bool is_value(const option_row& row) {
    daemon_config scratch;
    return row.fallback.find(' ') == row.fallback.npos && row.value != "FILE" &&
           row.value != "DIR" && row.set(scratch, row.fallback).empty();
}

void append(std::string& out, const option_row& row, const std::string& key,
            const written_values& written) {
    const auto found = written.find(row.flag);
    if (found == written.end() && !is_value(row)) {
        out += "# " + key + ": " + std::string(row.fallback) + '\n';
        return;
    }
    std::vector<std::string> texts{std::string(row.fallback)};
    if (found != written.end()) texts = found->second;
    out += key + " = ";
    if (!row.repeatable) {
        out += value_of(row, texts.front());
    } else {
        std::string all;
        for (const std::string& text : texts)
            all += (all.empty() ? "" : ", ") + value_of(row, text);
        out += '[' + all + ']';
    }
    out += '\n';
}

void append_table(std::string& out, option_scope scope, const written_values& written) {
    for (const option_row& row : option_table())
        if (row.scope() == scope) append(out, row, row.table_key(), written);
}

} // namespace

std::string effective_config(const daemon_config& config) {
    const written_config& written = config.written;
    std::string out = "# finpostd " FINPOST_VERSION ": the configuration in force\n";
    for (const option_row& row : option_table()) {
        if (written.long_form && (row.scope() != option_scope::process || row.flag == "--demo"))
            continue;
        const auto& from = row.scope() == option_scope::process    ? written.process
                           : row.scope() == option_scope::listener ? written.listeners.front()
                                                                   : written.upstreams.front();
        append(out, row, row.key(), from);
    }
    if (!written.long_form) return out;
    for (std::size_t i = 0; i < written.listeners.size(); ++i) {
        out += "\n[[listeners]]\nupstream = " + in_quotes(config.listeners[i].upstream) + '\n';
        append_table(out, option_scope::listener, written.listeners[i]);
    }
    for (std::size_t i = 0; i < written.upstreams.size(); ++i) {
        out += "\n[upstreams." + config.upstreams[i].name + "]\n";
        append_table(out, option_scope::upstream, written.upstreams[i]);
    }
    return out;
}

} // namespace finpost
