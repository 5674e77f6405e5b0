// What a client's first bytes are: a payload, an HTTP request, a TLS ClientHello; and where TLS is
// due, whether it is.

#include "fuzz.hpp"
#include "policy/first_record.hpp"
#include "policy/foreign.hpp"

#include <string>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;

namespace {

using kind = foreign_bytes::kind;

unsigned at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// A request line with its line end, at the beginning of the text; its method, or nothing.
std::string_view request_of(std::string_view text, bool ended) {
    static constexpr std::string_view methods[] = {"GET",     "HEAD",    "POST",    "PUT",
                                                   "DELETE",  "OPTIONS", "PATCH",   "TRACE",
                                                   "CONNECT", "PRI",     "PROPFIND"};
    const std::size_t end = text.find('\n');
    if (end == text.npos && !ended) return {};
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t first = line.find(' '), last = line.rfind(' ');
    if (first == line.npos || last == first || line.find(' ', first + 1) != last ||
        last == first + 1)
        return {};
    const std::string_view target = line.substr(first + 1, last - first - 1),
                           version = line.substr(last + 1);
    const auto visible = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != 127; };
    const auto digit = [&](std::size_t i) { return version[i] >= '0' && version[i] <= '9'; };
    if (!std::all_of(target.begin(), target.end(), visible) || last > (8 << 10)) return {};
    if (version.size() != 8 || !version.starts_with("HTTP/") || !digit(5) || version[6] != '.' ||
        !digit(7))
        return {};
    for (const std::string_view one : methods)
        if (one == line.substr(0, first)) return one;
    return {};
}

bool is_client_hello(std::string_view text) {
    if (text.size() < 11 || at(text, 0) != 0x16 || at(text, 1) != 3 || at(text, 2) > 4 ||
        at(text, 5) != 1)
        return false;
    const unsigned record = at(text, 3) << 8 | at(text, 4);
    const unsigned message = at(text, 6) << 16 | at(text, 7) << 8 | at(text, 8);
    return record > 0 && record <= message + 4 && at(text, 9) == 3 && at(text, 10) <= 4;
}

foreign_bytes fed(std::string_view text, const splits& where) {
    foreign_bytes one;
    each_piece(text, where, [&](std::string_view piece) {
        const kind before = one.is();
        const exact_copy copy(piece);
        one.feed(bytes_of(copy.text()));
        must(before == kind::undecided || before == one.is(), "what is decided stays so");
    });
    return one;
}

void check_foreign(std::string_view text, const splits& where) {
    foreign_bytes whole = fed(text, {}), pieces = fed(text, where);
    must(whole.is() == pieces.is() && whole.is_whole() == pieces.is_whole() &&
             whole.is_head() == pieces.is_head(),
         "pieces are told as the whole is");
    const std::string_view begun = request_of(text, false);
    const bool probes = begun == "GET" || begun == "HEAD";
    const kind expected = probes                  ? kind::http_probe
                          : !begun.empty()        ? kind::http_request
                          : is_client_hello(text) ? kind::client_hello
                                                  : kind::payload;
    must(whole.is() == expected || (whole.is() == kind::undecided && expected == kind::payload),
         "a request is one, a hello is one, and nothing else is");
    must(whole.is_foreign() == (expected != kind::payload), "foreign is what is no payload");
    if (whole.is() == kind::http_probe) {
        must(whole.is_head() == (begun == "HEAD"), "HEAD is told from GET");
        std::string plain(text.substr(0, 16 << 10));
        std::erase(plain, '\r');
        const bool there = plain.find("\n\n") != plain.npos || text.size() > (16 << 10);
        must(whole.is_whole() == there, "a head ends with its empty line");
    }
    whole.finish();
    pieces.finish();
    must(whole.is() == pieces.is() && whole.is_whole() && pieces.is_whole(),
         "an end decides everything");
    if (expected != kind::payload)
        return must(whole.is() == expected, "and changes nothing that is decided");
    const std::string_view cut =
        text.find('\n') == text.npos ? request_of(text, true) : std::string_view();
    must(whole.is() == (cut.empty()                     ? kind::payload
                        : cut == "GET" || cut == "HEAD" ? kind::http_probe
                                                        : kind::http_request),
         "a request may lack its line end");
}

void check_record(std::string_view text) {
    const first_record whole(bytes_of(text));
    const auto fits = [text](std::size_t i, auto good) {
        return text.size() <= i || good(at(text, i));
    };
    const bool record = fits(0, [](unsigned c) { return c >= 20 && c <= 24; }) &&
                        fits(1, [](unsigned c) { return c == 3; }) &&
                        fits(2, [](unsigned c) { return c <= 4; });
    const bool old = fits(0, [](unsigned c) { return c >= 128; }) &&
                     fits(2, [](unsigned c) { return c == 1; }) &&
                     fits(3, [](unsigned c) { return c == 3; });
    using is = first_record::kind;
    const is expected = !record && !old ? is::other : text.size() < 5 ? is::more : is::record;
    must(whole.is() == expected, "a record begins as one");
    if (whole.is() != is::record) return;
    must(whole.due() >= 2 && whole.due() <= 5 + (32u << 10), "what is due has an end");
    if (record && !old) {
        const std::size_t length = at(text, 3) << 8 | at(text, 4);
        must(whole.due() == (length <= (16 << 10) ? 5 + length : 5), "all of a record is due");
    }
    for (std::size_t n = 0; n < 5; ++n)
        must(first_record(bytes_of(text.substr(0, n))).is() == is::more, "until then, more is due");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned flags = from.byte();
    const splits where(from);
    std::string_view text = from.text();
    std::string longer;
    if ((flags & 7) == 7) { // beyond the limits on a line and on a head
        longer = text;
        const std::size_t place = std::min<std::size_t>(flags >> 3, text.size());
        longer.insert(place, (flags & 8) != 0 ? 8170 + flags : 16350 + flags, 'a');
        text = longer;
    }
    check_foreign(text, where);
    check_record(text);
    return 0;
}
