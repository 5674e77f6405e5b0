// A line of the log, in both forms: one line whatever a peer has sent, with the values that went
// in.

#include "log/log_line.hpp"

#include "fuzz.hpp"

#include <boost/json.hpp>

#include <bit>
#include <cmath>
#include <ctime>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::fuzz;

namespace {

std::string escaped(std::string_view prefix, unsigned byte) {
    char text[8];
    std::snprintf(text, sizeof text, "%.*s%02x", static_cast<int>(prefix.size()), prefix.data(),
                  byte);
    return text;
}

// How many bytes a character of UTF-8 has, decoded and encoded again; 0 when it is none.
std::size_t character(std::string_view text) {
    const auto at = [text](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
    };
    const std::size_t n = at(0) < 0x80   ? 1
                          : at(0) < 0xc0 ? 0
                          : at(0) < 0xe0 ? 2
                          : at(0) < 0xf0 ? 3
                          : at(0) < 0xf8 ? 4
                                         : 0;
    if (n == 0 || n > text.size()) return 0;
    std::uint32_t code = n == 1 ? at(0) : at(0) & (0x7fu >> n);
    for (std::size_t i = 1; i < n; ++i) {
        if (at(i) >> 6 != 2) return 0;
        code = code << 6 | (at(i) & 63);
    }
    const std::size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    return n == shortest && code <= 0x10ffff && code >> 11 != 0x1b ? n : 0;
}

// What a reader of the JSON line sees of a text.
std::string seen(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t n = character(text);
        if (n == 0)
            out += escaped("\\x", static_cast<unsigned char>(text[0]));
        else
            out += text.substr(0, n);
        text.remove_prefix(std::max<std::size_t>(n, 1));
    }
    return out;
}

std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '\n':
            out += "\\n";
            break;
        case '\r':
            out += "\\r";
            break;
        case '\t':
            out += "\\t";
            break;
        case '"':
            out += "\\\"";
            break;
        case '\\':
            out += "\\\\";
            break;
        default:
            out += is_printable({&c, 1}) ? std::string(1, c)
                                         : escaped("\\x", static_cast<unsigned char>(c));
        }
    }
    return out;
}

std::string word(std::string_view text) {
    const bool bare =
        !text.empty() && is_printable(text) && text.find_first_of(" \"\\=") == text.npos;
    return bare ? std::string(text) : '"' + plain(text) + '"';
}

bool is_near(double read, double value) {
    return std::abs(read - value) <= 0.00051 + std::abs(value) * 1e-12;
}

std::string date(std::chrono::system_clock::time_point at) {
    using namespace std::chrono;
    const auto ms = floor<milliseconds>(at.time_since_epoch()).count();
    const std::time_t second = static_cast<std::time_t>((ms - ((ms % 1000) + 1000) % 1000) / 1000);
    std::tm parts{};
    ::gmtime_r(&second, &parts);
    char text[80];
    std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                  static_cast<int>(((ms % 1000) + 1000) % 1000));
    return text;
}

void check_json(std::string_view line, const std::string& time, log_level level,
                std::string_view event, const std::vector<log_field>& fields) {
    must(line.ends_with("}\n"), "a line ends");
    line.remove_suffix(1);
    for (const char c : line)
        must(static_cast<unsigned char>(c) >= ' ' && c != 127, "no control character is left");
    boost::system::error_code failed;
    const auto value =
        boost::json::parse(boost::json::string_view(line.data(), line.size()), failed);
    must(!failed, "it is JSON");
    const boost::json::object& all = value.as_object();
    must(all.size() == 3 + fields.size(), "it has each field once");
    const auto text = [&all](const char* name) {
        return std::string_view(all.at(name).as_string());
    };
    must(text("time") == time && text("level") == to_string(level) && text("event") == seen(event),
         "it says when and what");
    auto at = all.begin() + 3;
    for (const log_field& one : fields) {
        must(std::string_view(at->key().data(), at->key().size()) == one.name,
             "the fields are in their order");
        const boost::json::value& read = (at++)->value();
        if (const auto* string = std::get_if<std::string_view>(&one.value)) {
            must(read.is_string() && std::string_view(read.as_string()) == seen(*string),
                 "a text is the text");
        } else if (const auto* whole = std::get_if<std::int64_t>(&one.value)) {
            must(read.is_int64()
                     ? read.as_int64() == *whole
                     : read.is_uint64() && read.as_uint64() == static_cast<std::uint64_t>(*whole) &&
                           *whole >= 0,
                 "a whole number is the number");
        } else if (const auto* flag = std::get_if<bool>(&one.value)) {
            must(read.is_bool() && read.as_bool() == *flag, "true is true");
        } else if (const double real = std::get<double>(one.value); std::isfinite(real)) {
            const bool far = std::abs(real) > 1e300; // where Boost.JSON may find it too large
            must(read.is_number() && (far || is_near(read.to_number<double>(), real)),
                 "a number is the number, to a thousandth");
        } else {
            must(read.is_null(), "no number is null");
        }
    }
}

void check_text(std::string_view line, const std::string& time, log_level level,
                std::string_view event, const std::vector<log_field>& fields) {
    must(line.ends_with('\n') && is_printable(line.substr(0, line.size() - 1)),
         "it is one line of plain text");
    const auto take = [&line](const std::string& what) {
        must(line.starts_with(what), "a line says what went in");
        line.remove_prefix(what.size());
    };
    take(time + ' ' + std::string(to_string(level)) + ' ' + plain(event));
    for (const log_field& one : fields) {
        take(' ' + std::string(one.name) + '=');
        if (const auto* string = std::get_if<std::string_view>(&one.value))
            take(word(*string));
        else if (const auto* whole = std::get_if<std::int64_t>(&one.value))
            take(std::to_string(*whole));
        else if (const auto* flag = std::get_if<bool>(&one.value))
            take(*flag ? "true" : "false");
        else if (const double real = std::get<double>(one.value); std::isfinite(real)) {
            const std::string number(line.substr(0, line.find_first_of(" \n")));
            must(is_near(std::strtod(number.c_str(), nullptr), real),
                 "a number is the number, to a thousandth");
            take(number);
        } else {
            take("null");
        }
    }
    take("\n");
    must(line.empty(), "and nothing else");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static constexpr std::array<std::string_view, 6> names{"id",      "peer", "bytes_in",
                                                           "seconds", "what", "reason"};
    input from(data, size);
    const unsigned shape = from.byte();
    const auto level = static_cast<log_level>(shape / 8 % 5);
    const std::chrono::system_clock::time_point at(
        (shape & 128) != 0 ? std::chrono::nanoseconds(
                                 static_cast<std::int64_t>(from.number() >> 1)) // from 1970 to 2262
                           : std::chrono::nanoseconds(1'700'000'000'000'000'000 + from.byte()));
    struct drawn {
        unsigned kind;
        std::uint64_t number;
    };
    std::vector<drawn> values;
    for (std::size_t i = 0; i < shape % 7; ++i) {
        const unsigned kind = from.byte();
        values.push_back({kind, kind % 4 == 0  ? kind / 4
                                : kind % 4 < 3 ? from.number()
                                               : kind / 4});
    }
    std::string_view text = from.text();
    const auto piece = [&text](std::size_t n) {
        const std::string_view out = text.substr(0, n);
        text.remove_prefix(out.size());
        return out;
    };
    std::vector<log_field> fields;
    for (const drawn& one : values) {
        const std::string_view name = names[fields.size()];
        switch (one.kind % 4) {
        case 0:
            fields.emplace_back(name, piece(one.number));
            break;
        case 1:
            fields.emplace_back(name, static_cast<std::int64_t>(one.number));
            break;
        case 2:
            fields.emplace_back(name, std::bit_cast<double>(one.number));
            break;
        default:
            fields.emplace_back(name, (one.number & 1) != 0);
            break;
        }
    }
    const std::string time = date(at);
    std::string line = "before";
    append_json_line(line, at, level, text, fields);
    must(line.starts_with("before"), "a line is added");
    check_json(std::string_view(line).substr(6), time, level, text, fields);
    line = "before";
    append_text_line(line, at, level, text, fields);
    must(line.starts_with("before"), "a line is added");
    check_text(std::string_view(line).substr(6), time, level, text, fields);
    return 0;
}
