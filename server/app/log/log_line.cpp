#include "log/log_line.hpp"

#include "utf8.hpp"

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

// Which bytes stand in a line as they are.
using byte_set = std::array<bool, 256>;

constexpr byte_set printable_but(std::string_view others) {
    byte_set set{};
    for (unsigned c = ' '; c <= '~'; ++c) set[c] = others.find(static_cast<char>(c)) == others.npos;
    return set;
}

constexpr byte_set plain_word = printable_but(" \"\\=");
constexpr byte_set plain_string = printable_but("\"\\");

// Appends a line to a string that was made long enough beforehand: an access line has some sixty
// parts, and an `append` for each of them took longer than everything else about it.
class line_writer {
public:
    /// `most` bytes at most are going to be written.
    line_writer(std::string& out, std::size_t most) : out_(out) {
        const std::size_t before = out.size();
        out.resize(before + most);
        at_ = out.data() + before;
    }
    ~line_writer() { out_.resize(static_cast<std::size_t>(at_ - out_.data())); }
    line_writer(const line_writer&) = delete;
    line_writer& operator=(const line_writer&) = delete;

    line_writer& operator<<(char c) noexcept {
        *at_++ = c;
        return *this;
    }
    line_writer& operator<<(std::string_view text) noexcept {
        at_ = std::copy(text.begin(), text.end(), at_);
        return *this;
    }
    /// As far as it can stand in a string as it is; returns how far.
    std::size_t plain(std::string_view text) noexcept {
        char* at = at_; // a member could be what a byte is written to
        std::size_t n = 0;
        for (; n < text.size() && plain_string[static_cast<unsigned char>(text[n])]; ++n)
            *at++ = text[n];
        at_ = at;
        return n;
    }
    void number(std::int64_t value) noexcept { at_ = std::to_chars(at_, at_ + 24, value).ptr; }
    void padded(unsigned value, unsigned divisor) noexcept {
        for (; divisor > 0; divisor /= 10) *this << static_cast<char>('0' + value / divisor % 10);
    }
    void hex(std::string_view prefix, unsigned value, int length) noexcept {
        *this << prefix;
        for (int shift = 4 * (length - 1); shift >= 0; shift -= 4)
            *this << digits[(value >> shift) & 0xf];
    }
    void fixed(double value) noexcept {
        at_ = std::to_chars(at_, at_ + longest_double, value, std::chars_format::fixed, 3).ptr;
    }

    static constexpr std::size_t longest_double = 352;

private:
    std::string& out_;
    char* at_;
};

constexpr double exact = 1e12;

// Three digits after the point: milliseconds with microseconds. The general conversion takes four
// times as long, and an access line has three such numbers.
void write_number(line_writer& out, double value) {
    if (!(value > -exact && value < exact)) return out.fixed(value);
    const std::int64_t thousandths = std::llround(value * 1000);
    if (thousandths < 0) out << '-';
    out.number(std::abs(thousandths) / 1000);
    (out << '.').padded(static_cast<unsigned>(std::abs(thousandths) % 1000), 100);
}

constexpr std::size_t date_size = 19;

// RFC 3339, UTC, milliseconds. No locale and no C library: this runs for every exchange.
void append_date_and_time(std::string& text, std::chrono::sys_seconds at) {
    using namespace std::chrono;
    const auto day = floor<days>(at);
    const year_month_day date(day);
    const hh_mm_ss time(at - day);
    line_writer out(text, date_size);
    out.padded(static_cast<unsigned>(static_cast<int>(date.year())), 1000);
    (out << '-').padded(static_cast<unsigned>(date.month()), 10);
    (out << '-').padded(static_cast<unsigned>(date.day()), 10);
    (out << 'T').padded(static_cast<unsigned>(time.hours().count()), 10);
    (out << ':').padded(static_cast<unsigned>(time.minutes().count()), 10);
    (out << ':').padded(static_cast<unsigned>(time.seconds().count()), 10);
}

void write_time(line_writer& out, std::chrono::system_clock::time_point at) {
    using namespace std::chrono;
    thread_local sys_seconds last{};
    thread_local std::array<char, date_size>
        kept; // no string, which would want memory: see of_each_thread.hpp
    thread_local std::size_t size = 0;
    const sys_seconds second = floor<seconds>(at);
    if (second != last || size == 0) {
        std::string text;
        append_date_and_time(text, second);
        size = text.copy(kept.data(), kept.size());
        last = second;
    }
    (out << std::string_view(kept.data(), size) << '.')
        .padded(static_cast<unsigned>(floor<milliseconds>(at - second).count()), 100);
    out << 'Z';
}

bool is_plain(std::string_view text) {
    const auto plain = [](char c) { return plain_word[static_cast<unsigned char>(c)]; };
    return !text.empty() && std::all_of(text.begin(), text.end(), plain);
}

void write_escaped_ascii(line_writer& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (plain_string[byte])
            out << c;
        else if (c == '\n')
            out << "\\n";
        else if (c == '\r')
            out << "\\r";
        else if (c == '\t')
            out << "\\t";
        else if (c == '"' || c == '\\')
            out << '\\' << c;
        else
            out.hex("\\x", byte, 2);
    }
}

void write_text_value(line_writer& out, std::string_view text) {
    if (is_plain(text)) {
        out << text;
        return;
    }
    write_escaped_ascii(out << '"', text);
    out << '"';
}

void write_json_string(line_writer& out, std::string_view text) {
    out << '"';
    for (;;) {
        text.remove_prefix(out.plain(text));
        if (text.empty()) break;
        const auto byte = static_cast<unsigned char>(text.front());
        const std::size_t length = detail::utf8_length(text);
        if (length == 0)
            out.hex("\\\\x", byte, 2);
        else if (byte == '"' || byte == '\\')
            out << '\\' << text.front();
        else if (byte < 0x20 || byte == 0x7f)
            out.hex("\\u", byte, 4);
        else if (byte == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0)
            out.hex("\\u", static_cast<unsigned char>(text[1]), 4); // C1: terminals obey it
        else
            out << text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    out << '"';
}

template <class WriteText>
void write_value(line_writer& out, const log_field& field, WriteText write_text) {
    const auto& value = field.value;
    if (const auto* text = std::get_if<std::string_view>(&value))
        write_text(out, *text);
    else if (const auto* whole = std::get_if<std::int64_t>(&value))
        out.number(*whole);
    else if (const auto* flag = std::get_if<bool>(&value))
        out << (*flag ? "true" : "false");
    else if (const double real = std::get<double>(value); std::isfinite(real))
        write_number(out, real);
    else
        out << "null"; // JSON has no word for it
}

// A byte of text becomes six at most.
std::size_t longest(std::string_view text) noexcept { return 6 * text.size() + 2; }

// Of a whole line, in either form.
std::size_t longest(std::string_view event, std::span<const log_field> fields) noexcept {
    std::size_t most = 80 + longest(event); // the time, the level, and what stands between
    for (const log_field& field : fields) {
        most += field.name.size() + 4;
        const auto* const text = std::get_if<std::string_view>(&field.value);
        const auto* const real = std::get_if<double>(&field.value);
        const bool long_number = real != nullptr && !(*real > -exact && *real < exact);
        most += text != nullptr ? longest(*text) : long_number ? line_writer::longest_double : 24;
    }
    return most;
}

} // namespace

void append_text_line(std::string& out, std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    line_writer line(out, longest(event, fields));
    write_time(line, at);
    write_escaped_ascii(line << ' ' << to_string(level) << ' ', event);
    for (const log_field& field : fields) {
        line << ' ' << field.name << '='; // the program's own words, as the level is
        write_value(line, field, write_text_value);
    }
    line << '\n';
}

void append_json_line(std::string& out, std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields) {
    line_writer line(out, longest(event, fields));
    write_time(line << "{\"time\":\"", at);
    line << "\",\"level\":\"" << to_string(level);
    write_json_string(line << "\",\"event\":", event);
    for (const log_field& field : fields) {
        line << ",\"" << field.name << "\":";
        write_value(line, field, write_json_string);
    }
    line << "}\n";
}

} // namespace finpost
