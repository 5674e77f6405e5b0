#include "log_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
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

void append_padded(std::string& out, unsigned value, unsigned divisor) {
    for (; divisor > 0; divisor /= 10) out += static_cast<char>('0' + value / divisor % 10);
}

// Three digits after the point: milliseconds with microseconds. The general conversion takes four
// times as long, and an access line has three such numbers.
void append_number(std::string& out, double value) {
    constexpr double exact = 1e12;
    if (value > -exact && value < exact) {
        const std::int64_t thousandths = std::llround(value * 1000);
        if (thousandths < 0) out += '-';
        append_number(out, std::abs(thousandths) / 1000);
        return append_padded(out += '.', static_cast<unsigned>(std::abs(thousandths) % 1000), 100);
    }
    std::array<char, 352> room{};
    const auto end = std::to_chars(room.data(), room.data() + room.size(), value,
                                   std::chars_format::fixed, 3);
    out.append(room.data(), end.ptr);
}

// RFC 3339, UTC, milliseconds. No locale and no C library: this runs for every exchange.
std::string date_and_time(std::chrono::sys_seconds at) {
    using namespace std::chrono;
    const auto day = floor<days>(at);
    const year_month_day date(day);
    const hh_mm_ss time(at - day);
    std::string out;
    append_padded(out, static_cast<unsigned>(static_cast<int>(date.year())), 1000);
    append_padded(out += '-', static_cast<unsigned>(date.month()), 10);
    append_padded(out += '-', static_cast<unsigned>(date.day()), 10);
    append_padded(out += 'T', static_cast<unsigned>(time.hours().count()), 10);
    append_padded(out += ':', static_cast<unsigned>(time.minutes().count()), 10);
    append_padded(out += ':', static_cast<unsigned>(time.seconds().count()), 10);
    return out;
}

void append_time(std::string& out, std::chrono::system_clock::time_point at) {
    using namespace std::chrono;
    thread_local sys_seconds last{};
    thread_local std::string text = date_and_time(last);
    const sys_seconds second = floor<seconds>(at);
    if (second != last) {
        text = date_and_time(second);
        last = second;
    }
    const auto rest = floor<milliseconds>(at - second).count();
    append_padded((out += text) += '.', static_cast<unsigned>(rest), 100);
    out += 'Z';
}

// Which bytes stand in a line as they are.
using byte_set = std::array<bool, 256>;

constexpr byte_set printable_but(std::string_view others) {
    byte_set set{};
    for (unsigned c = ' '; c <= '~'; ++c)
        set[c] = others.find(static_cast<char>(c)) == others.npos;
    return set;
}

constexpr byte_set plain_word = printable_but(" \"\\=");
constexpr byte_set plain_string = printable_but("\"\\");

// Nearly every value is plain from end to end: it is looked through once and copied whole.
std::size_t plain_length(std::string_view text, const byte_set& set) {
    std::size_t n = 0;
    while (n < text.size() && set[static_cast<unsigned char>(text[n])]) ++n;
    return n;
}

bool is_plain(std::string_view text) {
    return !text.empty() && plain_length(text, plain_word) == text.size();
}

void append_escaped_ascii(std::string& out, std::string_view text) {
    const std::size_t plain = plain_length(text, plain_string);
    out += text.substr(0, plain);
    for (const char c : text.substr(plain)) {
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
    for (;;) {
        const std::size_t plain = plain_length(text, plain_string);
        out += text.substr(0, plain);
        text.remove_prefix(plain);
        if (text.empty()) break;
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

} // namespace

void append_text_line(std::string& out, std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    append_time(out, at);
    (out += ' ') += to_string(level);
    append_escaped_ascii(out += ' ', event);
    for (const log_field& field : fields) {
        (out += ' ') += field.name; // the program's own words, as the level is
        append_value(out += '=', field, append_text_value);
    }
    out += '\n';
}

void append_json_line(std::string& out, std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    append_time(out += "{\"time\":\"", at);
    (out += "\",\"level\":\"") += to_string(level);
    append_json_string(out += "\",\"event\":", event);
    for (const log_field& field : fields) {
        (out += ",\"") += field.name;
        append_value(out += "\":", field, append_json_string);
    }
    out += "}\n";
}

} // namespace finpost
