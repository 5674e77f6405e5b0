// The PROXY header, both versions: what proxies send, and what anybody could send in their place.

#include "finpost/proxy_header.hpp"

#include "fuzz.hpp"
#include "policy/proxy_protocol.hpp"

#include <optional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;

namespace {

using state = proxy_parser::state;
using subject = proxy_parser::subject;

struct read_header {
    proxy_parser parser;
    std::size_t taken = 0;
};

read_header read(std::string_view text, splits where) {
    read_header out;
    while (out.taken < text.size() && out.parser.reading() == state::more) {
        const std::size_t n = where.next(text.size() - out.taken);
        const exact_copy piece(text.substr(out.taken, n));
        const std::size_t taken = out.parser.feed(bytes_of(piece.text()));
        must(taken == n || out.parser.reading() != state::more,
             "while there is more to come, all is taken");
        must(taken <= n, "no more is taken than there is");
        out.taken += taken;
    }
    return out;
}

bool is_same(const proxy_parser& a, const proxy_parser& b) {
    return a.reading() == b.reading() && a.whose() == b.whose() && a.source() == b.source() &&
           a.destination() == b.destination() && a.fault() == b.fault();
}

unsigned at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

// A number as a decimal has one form.
std::optional<unsigned> number(std::string_view word, unsigned most) {
    if (word.empty() || word.size() > 5 || word.find_first_not_of("0123456789") != word.npos)
        return std::nullopt;
    if (word.size() > 1 && word[0] == '0') return std::nullopt;
    const unsigned value = static_cast<unsigned>(std::stoul(std::string(word)));
    return value <= most ? std::optional(value) : std::nullopt;
}

bool is_v4(std::string_view word) {
    for (int part = 0; part < 4; ++part) {
        const std::size_t dot = std::min(word.find('.'), word.size());
        if ((part < 3) != (dot < word.size()) || !number(word.substr(0, dot), 255)) return false;
        word.remove_prefix(std::min(dot + 1, word.size()));
    }
    return true;
}

bool is_v6(std::string_view word) {
    in6_addr read{};
    return word.find('\0') == word.npos &&
           ::inet_pton(AF_INET6, std::string(word).c_str(), &read) == 1;
}

// Section 2.1, once more: whether a whole line with its CRLF is one.
bool is_line(std::string_view line) {
    if (line.size() > 107 || !line.starts_with("PROXY ") || !line.ends_with("\r\n")) return false;
    line.remove_prefix(6);
    line.remove_suffix(2);
    if (!is_printable(line)) return false;
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return true;
    const bool v4 = line.starts_with("TCP4 ");
    if (!v4 && !line.starts_with("TCP6 ")) return false;
    std::string_view words[4];
    line.remove_prefix(5);
    for (int i = 0; i < 4; ++i) {
        const std::size_t space = i < 3 ? line.find(' ') : line.size();
        if (space == line.npos) return false;
        words[i] = line.substr(0, space);
        line.remove_prefix(std::min(space + 1, line.size()));
    }
    const auto good = [v4](std::string_view word) { return v4 ? is_v4(word) : is_v6(word); };
    return good(words[0]) && good(words[1]) && number(words[2], 65535) && number(words[3], 65535);
}

std::uint32_t crc32c(std::string_view text) {
    std::uint32_t sum = 0xffffffff;
    for (const char c : text)
        for (unsigned bit = 0; bit < 8; ++bit)
            sum = sum >> 1 ^
                  (((sum ^ static_cast<unsigned char>(c) >> bit) & 1) != 0 ? 0x82f63b78 : 0);
    return ~sum;
}

// Section 2.2, once more, of a header that is all there.
bool is_binary(std::string_view text) {
    const std::size_t length = at(text, 14) << 8 | at(text, 15);
    const unsigned command = at(text, 12), family = at(text, 13);
    if (text.size() != 16 + length || text.size() > proxy_parser::largest) return false;
    if (command != 0x20 && command != 0x21) return false;
    if (family >> 4 > 3 || (family & 15) > 2) return false;
    if (command == 0x20 || family >> 4 == 0) return true;
    const std::size_t sizes[] = {0, 12, 36, 216};
    std::size_t i = 16 + sizes[family >> 4];
    if (i > text.size()) return false;
    while (i < text.size()) {
        if (text.size() - i < 3) return false;
        const std::size_t n = at(text, i + 1) << 8 | at(text, i + 2);
        if (text.size() - i - 3 < n) return false;
        if (text[i] == 3) {
            if (n != 4) return false;
            std::string zeroed(text);
            std::uint32_t said = 0;
            for (std::size_t k = i + 3; k < i + 7; ++k)
                said = said << 8 | at(text, k), zeroed[k] = '\0';
            if (said != crc32c(zeroed)) return false;
        }
        i += 3 + n;
    }
    return true;
}

void check_complete(const proxy_parser& parser, std::string_view header) {
    if (header.front() == 'P') {
        must(is_line(header), "a line that is taken is one");
    } else {
        must(is_binary(header), "a binary header that is taken is one");
        must((parser.whose() == subject::proxy) == (header[12] == 0x20),
             "LOCAL is the proxy itself");
    }
    if (parser.whose() != subject::client) return;
    for (const proxy_version version : {proxy_version::v1, proxy_version::v2}) {
        const std::string again = proxy_header(version, parser.source(), parser.destination());
        const read_header second = read(again + "x", {});
        must(second.taken == again.size() && is_same(second.parser, parser),
             "written again, it says the same");
    }
}

// What could become a header must not be refused, nor what never can be waited for.
void check_bad(std::string_view taken) {
    if (taken.front() == 'P') {
        must(!(taken.ends_with("\r\n") && is_line(taken)), "a line that is refused is none");
    } else if (taken.size() >= 16 && taken.size() == 16 + (at(taken, 14) << 8 | at(taken, 15))) {
        must(!is_binary(taken), "a binary header that is refused is none");
    }
}

socket_address drawn_address(input& from, bool v6) {
    if (v6) {
        sockaddr_in6 out{};
        out.sin6_family = AF_INET6;
        out.sin6_port = static_cast<in_port_t>(from.two_bytes());
        for (unsigned char& byte : out.sin6_addr.s6_addr)
            byte = static_cast<unsigned char>(from.byte());
        return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
    }
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = static_cast<in_port_t>(from.two_bytes());
    out.sin_addr.s_addr = from.two_bytes() << 16 | from.two_bytes();
    return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
}

void check_written(input& from, unsigned flags) {
    const socket_address source = drawn_address(from, (flags & 2) != 0);
    const socket_address destination = drawn_address(from, (flags & 4) != 0);
    const auto version = (flags & 8) != 0 ? proxy_version::v1 : proxy_version::v2;
    const std::string header = proxy_header(version, source, destination);
    const read_header back = read(header + "payload", splits(from));
    must(back.parser.reading() == state::complete && back.taken == header.size(),
         "what is written is read");
    must(back.parser.whose() == subject::client && back.parser.source() == source &&
             back.parser.destination() == destination,
         "and says the same");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned flags = from.byte();
    if ((flags & 1) != 0) return check_written(from, flags), 0;
    const splits where(from);
    const std::string_view text = from.text();
    const read_header whole = read(text, {}), pieces = read(text, where);
    must(is_same(whole.parser, pieces.parser) && whole.taken == pieces.taken,
         "pieces are read as the whole is");
    const std::string_view taken = text.substr(0, whole.taken);
    switch (whole.parser.reading()) {
    case state::more:
        must(taken.size() <= proxy_parser::largest, "nobody is waited for without end");
        break;
    case state::complete:
        check_complete(whole.parser, taken);
        break;
    case state::bad:
        must(is_printable(whole.parser.fault()) && !whole.parser.fault().empty(),
             "a fault is in words");
        check_bad(taken);
        break;
    }
    return 0;
}
