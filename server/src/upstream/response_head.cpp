#include "upstream/response_head.hpp"

#include "upstream/content_codings.hpp"
#include "upstream/field_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace finpost::detail {

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
    for (unsigned byte = 0; byte < 256; ++byte)
        set[byte] = (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    return set;
}();

bool consists_of(const byte_set& wanted, std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [&wanted](char c) { return wanted[static_cast<unsigned char>(c)]; });
}

constexpr std::string_view expected = "HTTP/1.";

// How much of a status line's beginning is there: "HTTP/1.1 ", or 1.0.
std::size_t well_begun(std::string_view text) {
    const std::size_t n = std::min(text.size(), expected.size());
    const auto differs = std::mismatch(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n),
                                       expected.begin());
    std::size_t good = static_cast<std::size_t>(differs.first - text.begin());
    if (good < expected.size() || good == text.size()) return good;
    if (text[good] != '0' && text[good] != '1') return good;
    if (++good < text.size() && text[good] == ' ') ++good;
    return good;
}

inline field_line split_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (line.starts_with(' ') || line.starts_with('\t')) return {{}, {}, "a folded line"};
    if (colon == line.npos) return {{}, {}, "a field without a colon"};
    const std::string_view name = line.substr(0, colon), value = line.substr(colon + 1);
    if (!is_token(name)) return {{}, {}, "a field whose name is not a token"};
    if (!consists_of(text_characters, value)) return {{}, {}, "a control character in a field"};
    return {name, trimmed(value), {}};
}

} // namespace

bool is_token(std::string_view text) noexcept {
    return !text.empty() && consists_of(token_characters, text);
}

bool is_text(std::string_view text) { return consists_of(text_characters, text); }

field_line read_field(std::string_view line) { return split_field(line); }

response_head_reader::state response_head_reader::read(std::string_view text) {
    for (;;) {
        const std::size_t end = text.find('\n', scanned_);
        if (end == text.npos) {
            scanned_ = text.size();
            return line_ == 0 ? begun(text) : state::more;
        }
        std::string_view line = text.substr(line_, end - line_);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        else
            bare_lf_ = true;
        std::string_view fault;
        if (line_ == 0)
            fault = status_line(line);
        else if (!line.empty())
            fault = field(line);
        if (!fault.empty()) return fail(fault);
        line_ = scanned_ = end + 1;
        if (!line.empty()) continue;
        head_.keep_alive = !close_ && (!head_.http_1_0 || stay_);
        return state::done;
    }
}

// A status line that is not there to its end.
response_head_reader::state response_head_reader::begun(std::string_view text) {
    const std::size_t good = well_begun(text);
    if (good == text.size() || good == expected.size() + 2) return state::more;
    line_ = good;
    return fail("not HTTP/1.0 or 1.1: the first bytes are not a status line");
}

// "HTTP/1.1 200 OK"; the space behind the status is often left out with the reason.
std::string_view response_head_reader::status_line(std::string_view line) {
    const std::size_t good = well_begun(line);
    if (good < expected.size() + 2) {
        line_ = good;
        return "not HTTP/1.0 or 1.1: the first bytes are not a status line";
    }
    head_.http_1_0 = line[expected.size()] == '0';
    const char* const digits = line.data() + good;
    const char* const end = line.data() + line.size();
    if (end - digits < 3 || (end - digits > 3 && digits[3] != ' '))
        return "a status that is not three digits";
    const auto [stop, ec] = std::from_chars(digits, digits + 3, head_.status);
    if (ec != std::errc{} || stop != digits + 3) return "a status that is not three digits";
    if (head_.status < 100 || head_.status > 599) return "a status outside 100 to 599";
    if (!is_text({digits + 3, end})) return "a control character in the status line";
    return {};
}

std::string_view response_head_reader::field(std::string_view line) {
    const auto [name, value, fault] = split_field(line);
    if (!fault.empty()) return fault;
    switch (name.size()) { // most fields are none of these
    case 14:
        if (equals(name, "content-length")) return length(value);
        break;
    case 17:
        if (equals(name, "transfer-encoding")) return transfer_coding(value);
        break;
    case 16:
        if (accepted_ != nullptr && equals(name, "content-encoding") && !accepted_->cover(value))
            head_.foreign_coding = true;
        break;
    case 10:
        if (equals(name, "connection")) connection(value);
        break;
    case 11:
        if (equals(name, "retry-after")) retry_after(value);
        break;
    default:
        break;
    }
    return {};
}

void response_head_reader::connection(std::string_view value) {
    each_element(value, [this](std::string_view option) {
        close_ = close_ || equals(option, "close");
        stay_ = stay_ || equals(option, "keep-alive");
    });
}

// Digits only, so "5, 5" and "+5" are refused, and once only (RFC 9112 §6.3).
std::string_view response_head_reader::length(std::string_view value) {
    std::uint64_t size = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, ec] = std::from_chars(value.data(), end, size);
    if (ec != std::errc{} || stop != end) return "a Content-Length that is not a number";
    if (head_.length) return "a second Content-Length";
    if (head_.chunked) return "both Transfer-Encoding and Content-Length";
    head_.length = size;
    return {};
}

std::string_view response_head_reader::transfer_coding(std::string_view value) {
    bool others = false;
    const bool before = head_.chunked;
    each_element(value, [&](std::string_view coding) {
        others = others || head_.chunked || !equals(coding, "chunked");
        head_.chunked = true;
    });
    if (before || others || !head_.chunked) return "another transfer coding than chunked, once";
    if (head_.http_1_0) return "a transfer coding in HTTP/1.0";
    if (head_.length) return "both Transfer-Encoding and Content-Length";
    return {};
}

void response_head_reader::retry_after(std::string_view value) noexcept {
    if (value.size() > head_.retry_text.size()) return;
    std::copy(value.begin(), value.end(), head_.retry_text.begin());
    head_.retry_size = static_cast<std::uint8_t>(value.size());
}

response_head_reader::state response_head_reader::fail(std::string_view what) noexcept {
    what_ = what;
    return state::failed;
}

} // namespace finpost::detail
