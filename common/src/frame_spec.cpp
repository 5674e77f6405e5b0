#include "finpost/frame_spec.hpp"

#include "ascii.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <system_error>
#include <vector>

namespace finpost {

using namespace detail;

namespace {

using kind = frame_spec::kind;
using checksum = frame_spec::checksum;

struct kind_word {
    kind type;
    std::string_view text;
    std::string_view example; // of one that does not stand alone
};

constexpr std::array<kind_word, 9> words{{{kind::eof, "eof", ""},
                                          {kind::line, "line", ""},
                                          {kind::delimiter, "delimiter", "delimiter:0D0A"},
                                          {kind::stx_etx, "stx-etx", ""},
                                          {kind::mllp, "mllp", ""},
                                          {kind::length, "length", "length:u16be"},
                                          {kind::netstring, "netstring", ""},
                                          {kind::fixed, "fixed", "fixed:512"},
                                          {kind::idle, "idle", "idle:200ms"}}};

struct length_form {
    std::string_view text;
    std::uint8_t width;
    bool little_endian;
};

constexpr std::array<length_form, 5> length_forms{{{"u8", 1, false},
                                                   {"u16be", 2, false},
                                                   {"u16le", 2, true},
                                                   {"u32be", 4, false},
                                                   {"u32le", 4, true}}};

constexpr std::string_view all_lengths =
    "length:u8, u16be, u16le, u32be, u32le (each with or without ,inclusive) or length:ascii:N";

parse_error fault(std::string_view text, const std::string& why) { return {in_quotes(text) + why}; }

std::optional<std::string> from_hex(std::string_view text) {
    std::string out;
    if (text.empty() || text.size() % 2 != 0) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const auto high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (!high || !low) return std::nullopt;
        out += static_cast<char>(*high << 4 | *low);
    }
    return out;
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += {digits[byte >> 4], digits[byte & 0xf]};
    }
    return out;
}

// "0x0D0A", "0D 0A" and "\r\n" as they were most likely meant; nothing where nobody can know.
std::string meant_bytes(std::string_view value) {
    std::string digits;
    if (value.starts_with('\\') && !value.starts_with("\\x")) {
        for (std::size_t i = 0; i < value.size(); i += 2) {
            const std::string_view escape = value.substr(i, 2);
            digits += escape == "\\n"   ? "0A"
                      : escape == "\\r" ? "0D"
                      : escape == "\\t" ? "09"
                                        : "?";
        }
    } else {
        for (std::size_t i = 0; i < value.size(); ++i) {
            const std::string_view rest = value.substr(i);
            if (rest.starts_with("0x") || rest.starts_with("\\x"))
                ++i;
            else if (value[i] != ' ' && value[i] != ':' && value[i] != ',')
                digits += value[i];
        }
    }
    const auto bytes = from_hex(digits);
    if (!bytes || bytes->size() > frame_spec::longest_delimiter) return {};
    return "; did you mean delimiter:" + to_hex(*bytes) + '?';
}

parsed<frame_spec> read_delimiter(std::string_view text, std::string_view value) {
    frame_spec out;
    out.type = kind::delimiter;
    auto bytes = from_hex(value);
    if (!bytes || bytes->size() > frame_spec::longest_delimiter)
        return fault(text, " is not a delimiter: expected 1 to 32 bytes as pairs of hexadecimal "
                           "digits, such as delimiter:0D0A" +
                               (bytes ? std::string() : meant_bytes(value)));
    out.delimiter = std::move(*bytes);
    return out;
}

parsed<frame_spec> read_ascii_length(std::string_view text, std::string_view value) {
    frame_spec out;
    out.type = kind::length_ascii;
    const char* const end = value.data() + value.size();
    const auto [rest, ec] = std::from_chars(value.data(), end, out.width);
    const bool plain = !value.empty() && value.front() != '0';
    if (ec != std::errc{} || rest != end || !plain || out.width > frame_spec::most_digits)
        return fault(text, " has not a number of digits from 1 to 18 behind length:ascii: expected "
                           "such as length:ascii:4");
    return out;
}

parsed<frame_spec> read_length(std::string_view text, std::string_view value) {
    constexpr std::string_view ascii = "ascii:", inclusive = ",inclusive";
    if (value.starts_with(ascii)) return read_ascii_length(text, value.substr(ascii.size()));
    frame_spec out;
    out.type = kind::length;
    const std::string_view form = value.substr(0, value.find(','));
    const std::string_view behind = value.substr(form.size());
    out.inclusive = behind == inclusive;
    std::vector<std::string> known;
    for (const length_form& each : length_forms) {
        if (each.text == form && (behind.empty() || out.inclusive)) {
            out.width = each.width;
            out.little_endian = each.little_endian;
            return out;
        }
        known.push_back("length:" + std::string(each.text));
        known.push_back(known.back() + std::string(inclusive));
    }
    // What lacks its byte order is nearest to the network's.
    const bool no_order =
        (form == "u16" || form == "u32") && (behind.empty() || behind == inclusive);
    const std::string near =
        no_order ? ": did you mean length:" + std::string(form) + "be" + std::string(behind) + '?'
                 : suggestion(text, known);
    return fault(text, " is not a length: expected " + std::string(all_lengths) + near);
}

parsed<frame_spec> read_fixed(std::string_view text, std::string_view value) {
    frame_spec out;
    out.type = kind::fixed;
    const auto size = parse_size(value);
    if (!size) return fault(text, ": " + size.error().message);
    if (*size == 0) return fault(text, " has no byte: expected a size above zero");
    out.size = *size;
    return out;
}

parsed<frame_spec> read_idle(std::string_view text, std::string_view value) {
    frame_spec out;
    out.type = kind::idle;
    const auto pause = parse_duration(value);
    if (!pause) return fault(text, ": " + pause.error().message);
    if (*pause <= duration::zero())
        return fault(text, " is no pause: expected a duration above zero");
    out.pause = *pause;
    return out;
}

parsed<frame_spec> unknown(std::string_view text) {
    std::vector<std::string> known{"stx-etx,lrc", "stx-etx,sum"};
    for (const kind_word& each : words) known.emplace_back(each.text);
    // Of one with a value, what stands before it is what may be mistyped.
    const std::string_view name = text.substr(0, text.find(':'));
    return fault(text, " is not a frame: expected eof, line, delimiter:HEX, stx-etx, stx-etx,lrc, "
                       "stx-etx,sum, mllp, length:FORM, netstring, fixed:SIZE or idle:TIME" +
                           suggestion(name, known));
}

parsed<frame_spec> read_value(kind type, std::string_view text, std::string_view value) {
    switch (type) {
    case kind::delimiter:
        return read_delimiter(text, value);
    case kind::length:
        return read_length(text, value);
    case kind::fixed:
        return read_fixed(text, value);
    default:
        return read_idle(text, value);
    }
}

std::string length_text(const frame_spec& spec) {
    for (const length_form& each : length_forms)
        if (each.width == spec.width && each.little_endian == spec.little_endian)
            return "length:" + std::string(each.text) + (spec.inclusive ? ",inclusive" : "");
    return "length"; // not reached: there is no other
}

} // namespace

parsed<frame_spec> parse_frame_spec(std::string_view text) {
    frame_spec out;
    if (text == "stx-etx,lrc" || text == "stx-etx,sum") {
        out.type = kind::stx_etx;
        out.check = text.ends_with("lrc") ? checksum::lrc : checksum::sum;
        return out;
    }
    const std::string_view name = text.substr(0, text.find(':'));
    for (const kind_word& each : words) {
        if (each.text != name) continue;
        if (each.example.empty()) {
            if (name.size() != text.size())
                return fault(text, " has a value, and " + std::string(name) + " takes none");
            out.type = each.type;
            return out;
        }
        if (name.size() == text.size())
            return fault(text, " needs a value, such as " + std::string(each.example));
        return read_value(each.type, text, text.substr(name.size() + 1));
    }
    return unknown(text);
}

std::string to_string(const frame_spec& spec) {
    switch (spec.type) {
    case kind::eof:
        return "eof";
    case kind::line:
        return "line";
    case kind::delimiter:
        return "delimiter:" + to_hex(spec.delimiter);
    case kind::stx_etx:
        return spec.check == checksum::none  ? "stx-etx"
               : spec.check == checksum::lrc ? "stx-etx,lrc"
                                             : "stx-etx,sum";
    case kind::mllp:
        return "mllp";
    case kind::length:
        return length_text(spec);
    case kind::length_ascii:
        return "length:ascii:" + std::to_string(spec.width);
    case kind::netstring:
        return "netstring";
    case kind::fixed:
        return "fixed:" + format_size(spec.size);
    case kind::idle:
        break;
    }
    return "idle:" + format_duration(spec.pause);
}

} // namespace finpost
