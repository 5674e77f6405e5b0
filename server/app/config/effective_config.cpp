#include "config/effective_config.hpp"

#include "config/option_table.hpp"

#include "finpost/version.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace finpost {

namespace {

std::string toml_string(std::string_view text) { // a basic string of TOML
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

std::string in_file(const option_row& row, const std::string& text) {
    if (row.is_switch()) {
        const bool on = text == "true" || text == "on" || text == "yes" || text == "1";
        return on ? "true" : "false";
    }
    if (row.value == "N" && is_number(text)) return text;
    return toml_string(row.field.mask != nullptr ? row.field.mask(text) : text);
}

void append(std::string& out, const option_row& row, const std::string& key,
            const written_values& written) {
    const auto found = written.find(row.flag);
    const std::vector<std::string> texts =
        found != written.end() ? found->second : row.default_texts();
    if (texts.empty()) {
        out += "# " + key + ": " + std::string(row.without) + '\n';
        return;
    }
    out += key + " = " + file_value(row, texts) + '\n';
}

void append_table(std::string& out, option_scope scope, const written_values& written) {
    for (const option_row& row : option_table())
        if (row.scope() == scope) append(out, row, row.table_key(), written);
}

} // namespace

std::string file_value(const option_row& row, const std::vector<std::string>& texts) {
    if (!row.repeatable()) return in_file(row, texts.front());
    std::string all;
    for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + in_file(row, text);
    return '[' + all + ']';
}

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
        out += "\n[[listeners]]\nupstream = " + toml_string(config.listeners[i].upstream) + '\n';
        append_table(out, option_scope::listener, written.listeners[i]);
    }
    for (std::size_t i = 0; i < written.upstreams.size(); ++i) {
        out += "\n[upstreams." + config.upstreams[i].name + "]\n";
        append_table(out, option_scope::upstream, written.upstreams[i]);
    }
    return out;
}

} // namespace finpost
