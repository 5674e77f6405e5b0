#include "upstream/response_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace finpost {

namespace {

using byte_set = std::array<bool, 256>;

// tchar, RFC 9110 §5.6.2.
constexpr byte_set token_characters = [] {
    byte_set set{};
    for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        set[static_cast<unsigned char>(c)] = true;
    return set;
}();

// What a value or a reason phrase may hold: no control character but the tab (RFC 9110 §5.5).
constexpr byte_set text_characters = [] {
    byte_set set{};
    for (unsigned byte = 0; byte < 256; ++byte) set[byte] = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    return set;
}();

bool consists_of(const byte_set& wanted, std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [&wanted](char c) { return wanted[static_cast<unsigned char>(c)]; });
}

bool is_token(std::string_view text) { return !text.empty() && consists_of(token_characters, text); }
bool is_text(std::string_view text) { return consists_of(text_characters, text); }

bool equals(std::string_view text, std::string_view lower_case) {
    return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// "HTTP/1.1 200 OK"; the space behind the status is often left out with the reason.
bool read_status_line(std::string_view line, response_head& out) {
    if (!line.starts_with("HTTP/1.") || line.size() < 12) return false;
    if (line[7] != '0' && line[7] != '1') return false;
    out.http_1_0 = line[7] == '0';
    if (line[8] != ' ' || (line.size() > 12 && line[12] != ' ')) return false;
    const auto [stop, ec] = std::from_chars(line.data() + 9, line.data() + 12, out.status);
    return ec == std::errc{} && stop == line.data() + 12 && out.status >= 100 && out.status <= 599 &&
           is_text(line.substr(12));
}

// Digits only, so "5, 5" and "+5" are refused, and once only (RFC 9112 §6.3).
bool read_length(std::string_view value, response_head& out) {
    std::uint64_t length = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, ec] = std::from_chars(value.data(), end, length);
    if (out.length || ec != std::errc{} || stop != end) return false;
    out.length = length;
    return true;
}

void read_connection(std::string_view value, bool& close, bool& keep_alive) {
    while (!value.empty()) {
        const std::size_t comma = std::min(value.find(','), value.size());
        const std::string_view option = trimmed(value.substr(0, comma));
        close = close || equals(option, "close");
        keep_alive = keep_alive || equals(option, "keep-alive");
        value.remove_prefix(std::min(comma + 1, value.size()));
    }
}

} // namespace

std::optional<response_head> read_response_head(std::string_view head) {
    response_head out;
    bool first = true, close = false, keep_alive = false;
    for (;;) {
        const std::size_t end = head.find('\n');
        if (end == head.npos || end == 0 || head[end - 1] != '\r') return std::nullopt;
        const std::string_view line = head.substr(0, end - 1);
        head.remove_prefix(end + 1);
        if (first) {
            if (!read_status_line(line, out)) return std::nullopt;
            first = false;
            continue;
        }
        if (line.empty()) break;
        const std::size_t colon = std::min(line.find(':'), line.size());
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = trimmed(line.substr(std::min(colon + 1, line.size())));
        // A folded line begins with white space, which is no part of a name either.
        if (colon == line.size() || !is_token(name) || !is_text(value)) return std::nullopt;
        if (equals(name, "content-length")) {
            if (!read_length(value, out)) return std::nullopt;
        } else if (equals(name, "transfer-encoding")) {
            if (out.chunked || !equals(value, "chunked")) return std::nullopt;
            out.chunked = true;
        } else if (equals(name, "connection")) {
            read_connection(value, close, keep_alive);
        }
    }
    if (out.chunked && (out.length || out.http_1_0)) return std::nullopt;
    out.keep_alive = !close && (!out.http_1_0 || keep_alive);
    return out;
}

} // namespace finpost
