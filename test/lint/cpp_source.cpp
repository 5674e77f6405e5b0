#include "lint/cpp_source.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace fs = std::filesystem;

namespace finpost::test {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Blanks a range but keeps its line ends, so that lines stay lines.
void blank(std::string& text, std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < std::min(to, text.size()); ++i)
        if (text[i] != '\n') text[i] = ' ';
}

// What begins somewhere: a comment, a literal or a preprocessor line. Its end (where it begins,
// when there is none) and the part to blank; a literal keeps its quotes.
struct stretch {
    std::size_t end;
    std::size_t blank_from, blank_to;
};

std::size_t end_of_line(std::string_view text, std::size_t at, bool continued) {
    for (;;) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (!continued || end == text.size() || end == 0 || text[end - 1] != '\\') return end;
        at = end + 1;
    }
}

bool begins_line(std::string_view text, std::size_t at) {
    while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;
    return at == 0 || text[at - 1] == '\n';
}

// Behind the closing quote, or the line's end where there is none.
std::size_t end_of_literal(std::string_view text, std::size_t at) {
    const char quote = text[at];
    for (std::size_t i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
        if (text[i] == '\\')
            ++i;
        else if (text[i] == quote)
            return i + 1;
    }
    return end_of_line(text, at, false);
}

stretch stretch_at(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    const bool after_word = at > 0 && is_word(text[at - 1]);
    if (rest.starts_with("//")) {
        const std::size_t end = end_of_line(text, at, true);
        return {end, at, end};
    }
    if (rest.starts_with("/*")) {
        const std::size_t close = text.find("*/", at + 2);
        const std::size_t end = close == text.npos ? text.size() : close + 2;
        return {end, at, end};
    }
    if (rest.starts_with('#') && begins_line(text, at)) {
        const std::size_t end = end_of_line(text, at, true);
        return {end, at, end};
    }
    if (rest.starts_with("R\"") && !after_word) {
        const std::size_t open = text.find('(', at);
        if (open == text.npos) return {text.size(), at, text.size()};
        const std::string closing = ')' + std::string(text.substr(at + 2, open - at - 2)) + '"';
        const std::size_t close = std::min(text.find(closing, open), text.size());
        return {std::min(close + closing.size(), text.size()), at + 2, close + closing.size() - 1};
    }
    // A ' between digits separates them: 10'000.
    if (rest.starts_with('"') || (rest.starts_with('\'') && !after_word)) {
        const std::size_t end = end_of_literal(text, at);
        return {end, at + 1, end - 1};
    }
    return {at, at, at};
}

} // namespace

std::string only_code(std::string_view source) {
    std::string code(source);
    for (std::size_t at = 0; at < source.size();) {
        const stretch found = stretch_at(source, at);
        blank(code, found.blank_from, found.blank_to);
        at = found.end > at ? found.end : at + 1;
    }
    return code;
}

std::vector<token> tokens_of(std::string_view code) {
    constexpr std::array<std::string_view, 15> long_ones{
        "<=>", "::", "->", "&&", "||", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "++", "--"};
    std::vector<token> all;
    std::size_t line = 1;
    for (std::size_t at = 0; at < code.size();) {
        if (code[at] == '\n') ++line;
        if (std::isspace(static_cast<unsigned char>(code[at])) != 0) {
            ++at;
            continue;
        }
        std::size_t size = 1;
        if (is_word(code[at])) {
            while (at + size < code.size() &&
                   (is_word(code[at + size]) ||
                    (code[at + size] == '\'' && at + size + 1 < code.size() &&
                     is_word(code[at + size + 1]))))
                ++size;
        } else {
            for (const std::string_view each : long_ones)
                if (code.substr(at).starts_with(each)) size = std::max(size, each.size());
        }
        all.push_back({code.substr(at, size), line});
        at += size;
    }
    return all;
}

bool is_name(const token& one) {
    const char first = one.text.front();
    return is_word(first) && std::isdigit(static_cast<unsigned char>(first)) == 0;
}

std::vector<inclusion> includes_of(std::string_view source) {
    std::vector<inclusion> all;
    std::istringstream lines{std::string(source)};
    std::string text;
    for (std::size_t line = 1; std::getline(lines, text); ++line) {
        std::size_t at = text.find_first_not_of(" \t");
        if (at == text.npos || text[at] != '#') continue;
        at = text.find_first_not_of(" \t", at + 1);
        if (at == text.npos || !std::string_view(text).substr(at).starts_with("include")) continue;
        const std::size_t open = text.find_first_of("<\"", at);
        if (open == text.npos) continue;
        const std::size_t close = text.find(text[open] == '<' ? '>' : '"', open + 1);
        if (close != text.npos) all.push_back({text.substr(open, close - open + 1), line});
    }
    return all;
}

std::vector<std::string> sources_under(const std::string& root,
                                       const std::vector<std::string>& folders) {
    std::vector<std::string> all;
    for (const std::string& folder : folders) {
        for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / folder)) {
            const std::string extension = entry.path().extension().string();
            if (extension == ".cpp" || extension == ".hpp" || extension == ".ipp")
                all.push_back(entry.path().lexically_relative(root).generic_string());
        }
    }
    std::sort(all.begin(), all.end());
    return all;
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

} // namespace finpost::test
