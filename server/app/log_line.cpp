#include "log_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <variant>

namespace finpost {

namespace {

constexpr std::string_view digits = "0123456789abcdef";

void append_hex(std::string& out, std::string_view prefix, unsigned value, int length) {
    out += prefix;
    for (int shift = 4 * (length - 1); shift >= 0; shift -= 4)
        out += digits[(value >> shift) & 0xf];
}

void append_number(std::string& out, std::int64_t value) {
    std::array<char, 24> room{};
    out.append(room.data(), std::to_chars(room.data(), room.data() + room.size(), value).ptr);
}

// Three digits after the point: milliseconds with microseconds.
void append_number(std::string& out, double value) {
    std::array<char, 352> room{};
    const auto end = std::to_chars(room.data(), room.data() + room.size(), value,
                                   std::chars_format::fixed, 3);
    out.append(room.data(), end.ptr);
}

void append_padded(std::string& out, unsigned value, unsigned divisor) {
    for (; divisor > 0; divisor /= 10) out += static_cast<char>('0' + value / divisor % 10);
}

// RFC 3339, UTC, milliseconds. No locale and no C library: this runs for every exchange.
void append_time(std::string& out, std::chrono::system_clock::time_point at) {
    using namespace std::chrono;
    const auto day = floor<days>(at);
    const year_month_day date(day);
    const hh_mm_ss time(floor<milliseconds>(at - day));
    append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 1000);
    append_padded(out += '-', static_cast<unsigned>(date.month()), 10);
    append_padded(out += '-', static_cast<unsigned>(date.day()), 10);
    append_padded(out += 'T', static_cast<unsigned>(time.hours().count()), 10);
    append_padded(out += ':', static_cast<unsigned>(time.minutes().count()), 10);
    append_padded(out += ':', static_cast<unsigned>(time.seconds().count()), 10);
    append_padded(out += '.', static_cast<unsigned>(time.subseconds().count()), 100);
    out += 'Z';
}

bool is_plain(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c <= '~' && c != '"' && c != '\\' && c != '=';
    });
}

void append_escaped_ascii(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') out += "\\n";
        else if (c == '\r') out += "\\r";
        else if (c == '\t') out += "\\t";
        else if (c == '"' || c == '\\') (out += '\\') += c;
        else if (byte >= 0x20 && byte < 0x7f) out += c;
        else append_hex(out, "\\x", byte, 2);
    }
}

void append_text_value(std::string& out, std::string_view text) {
    if (is_plain(text)) {
        out += text;
        return;
    }
    append_escaped_ascii(out += '"', text);
    out += '"';
}

// The length of the valid UTF-8 sequence at the beginning of `text` (RFC 3629 §4), or 0.
std::size_t utf8_length(std::string_view text) {
    const auto at = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
    };
    const unsigned lead = at(0);
    const std::size_t length = lead < 0x80                  ? 1
                               : lead >= 0xc2 && lead < 0xe0 ? 2
                               : lead >= 0xe0 && lead < 0xf0 ? 3
                               : lead >= 0xf0 && lead < 0xf5 ? 4
                                                             : 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((at(i) & 0xc0) != 0x80) return 0;
    const bool overlong = (lead == 0xe0 && at(1) < 0xa0) || (lead == 0xf0 && at(1) < 0x90);
    const bool beyond = (lead == 0xed && at(1) > 0x9f) || (lead == 0xf4 && at(1) > 0x8f);
    return overlong || beyond ? 0 : length;
}

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        const auto byte = static_cast<unsigned char>(text.front());
        const std::size_t length = utf8_length(text);
        if (length == 0) append_hex(out, "\\\\x", byte, 2);
        else if (byte == '"' || byte == '\\') (out += '\\') += text.front();
        else if (byte < 0x20 || byte == 0x7f) append_hex(out, "\\u", byte, 4);
        else if (byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0)
            append_hex(out, "\\u", static_cast<unsigned char>(text[1]), 4); // C1: terminals obey it
        else out += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    out += '"';
}

template <class AppendText>
void append_value(std::string& out, const log_field& field, AppendText append_text) {
    const auto& value = field.value;
    if (const auto* text = std::get_if<std::string_view>(&value)) append_text(out, *text);
    else if (const auto* whole = std::get_if<std::int64_t>(&value)) append_number(out, *whole);
    else if (const auto* flag = std::get_if<bool>(&value)) out += *flag ? "true" : "false";
    else if (const double real = std::get<double>(value); std::isfinite(real))
        append_number(out, real);
    else out += "null"; // JSON has no word for it
}

constexpr std::size_t usual_line = 400;

} // namespace

std::string text_line(std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    std::string out;
    out.reserve(usual_line);
    append_time(out, at);
    (out += ' ') += to_string(level);
    append_escaped_ascii(out += ' ', event);
    for (const log_field& field : fields) {
        append_escaped_ascii(out += ' ', field.name);
        append_value(out += '=', field, append_text_value);
    }
    out += '\n';
    return out;
}

std::string json_line(std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    std::string out;
    out.reserve(usual_line);
    append_time(out += "{\"time\":\"", at);
    (out += "\",\"level\":\"") += to_string(level);
    append_json_string(out += "\",\"event\":", event);
    for (const log_field& field : fields) {
        append_json_string(out += ',', field.name);
        append_value(out += ':', field, append_json_string);
    }
    out += "}\n";
    return out;
}

} // namespace finpost
