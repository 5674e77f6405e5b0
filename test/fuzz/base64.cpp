// Base64 in all its rules, in pieces and at once, against a reference that is as simple as it can
// be.

#include "finpost/base64.hpp"

#include "base64_groups.hpp"
#include "fuzz.hpp"
#include "session/payload_text.hpp"

#include "finpost/config.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;

namespace {

std::string_view letters_of(base64::alphabet which) {
    return which == base64::alphabet::url
               ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
               : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

// RFC 4648 §4: bit by bit.
std::string reference_encoding(std::string_view bytes) {
    std::string out;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : bytes) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (held += 8; held >= 6; held -= 6) out += letters_of({})[bits >> (held - 6) & 63];
    }
    if (held > 0) out += letters_of({})[bits << (6 - held) & 63];
    while (out.size() % 4 != 0) out += '=';
    return out;
}

std::optional<std::string> reference_decoding(std::string text, const base64::rules& by) {
    if (by.whitespace)
        std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
    else if (text.ends_with("\r\n"))
        text.resize(text.size() - 2);
    else if (text.ends_with('\n'))
        text.pop_back();
    const bool may_lack_padding = by.letters == base64::alphabet::url;
    std::size_t padding = 0;
    while (padding < 2 && text.ends_with('=')) text.pop_back(), ++padding;
    if (padding > 0 || !may_lack_padding) {
        if ((text.size() + padding) % 4 != 0) return std::nullopt;
    }
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    std::uint32_t bits = 0;
    unsigned held = 0;
    for (const char c : text) {
        const std::size_t value = letters_of(by.letters).find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        held += 6;
        if (held >= 8) out += static_cast<char>(bits >> (held -= 8));
    }
    if ((bits & ((1u << held) - 1)) != 0) return std::nullopt;
    return out;
}

std::string_view chars_of(const std::vector<std::byte>& bytes, std::size_t n) {
    return {reinterpret_cast<const char*>(bytes.data()), n};
}

bool same(const std::optional<base64::decode_error>& a,
          const std::optional<base64::decode_error>& b) {
    return a.has_value() == b.has_value() &&
           (!a || (a->offset == b->offset && a->cause == b->cause));
}

struct decoded {
    std::string bytes;
    std::optional<base64::decode_error> error;
};

decoded in_pieces(std::string_view text, const base64::rules& by, const splits& where) {
    decoded out;
    base64::decoder one(by);
    each_piece(text, where, [&](std::string_view piece) {
        if (out.error) return;
        exact_copy buffer(piece); // in place
        const auto read = one.decode(buffer.bytes(), buffer.bytes().data());
        must(read.size <= piece.size(), "no more bytes come out than characters go in");
        out.bytes += buffer.text().substr(0, read.size);
        out.error = read.error;
    });
    if (!out.error) out.error = one.finish().error;
    return out;
}

void check_decoding(std::string_view text, const base64::rules& by, const splits& where) {
    const auto expected = reference_decoding(std::string(text), by);
    const bool strict = by == base64::rules{};
    std::vector<std::byte> out(strict ? base64::decoded_size(text.size()) : text.size());
    const auto whole = base64::decode(bytes_of(text), out.data(), by);
    must(!whole.error == expected.has_value(), "what is good Base64 is decoded, and nothing else");
    if (expected)
        must(chars_of(out, whole.size) == *expected, "the bytes are those of the reference");
    exact_copy buffer(text);
    const auto in_place = base64::decode(buffer.bytes(), buffer.bytes().data(), by);
    must(same(in_place.error, whole.error), "decoding in place finds the same error");
    if (expected)
        must(buffer.text().substr(0, in_place.size) == *expected,
             "decoding in place gives the same bytes");
    const decoded pieces = in_pieces(text, by, where);
    must(same(pieces.error, whole.error), "pieces have the error of the whole");
    if (expected) must(pieces.bytes == *expected, "pieces give the bytes of the whole");
    if (!whole.error) return;
    must(whole.error->offset <= text.size(), "an error stands in the text");
    // Up to there, nothing is wrong yet.
    base64::decoder before(by);
    std::vector<std::byte> some(text.size() + 3);
    must(!before.decode(bytes_of(text.substr(0, whole.error->offset)), some.data()).error,
         "what stands before an error is good");
}

void check_trimmed(std::string_view text, const gateway_config& config, const splits& where) {
    std::string_view left = text;
    const bool passed_over = config.base64.whitespace && config.trim == trimming::space;
    const std::string_view cut = config.trim == trimming::nul     ? std::string_view("\0", 1)
                                 : config.trim == trimming::space ? std::string_view(" \t\r\n")
                                                                  : std::string_view();
    while (!passed_over && !left.empty() && cut.find(left.back()) != cut.npos)
        left.remove_suffix(1);
    if (!passed_over) {
        payload whole(text);
        must(!trim_end(whole, config.trim) && whole.text() == left, "the end is trimmed");
    }
    const auto expected = reference_decoding(std::string(left), config.base64);
    base64_text one(config);
    std::string bytes;
    bool failed = false;
    each_piece(text, where, [&](std::string_view piece) {
        if (failed) return;
        exact_copy buffer(piece);
        const auto read = one.decode(buffer.bytes());
        failed = read.has_error();
        if (!failed) bytes += buffer.text().substr(0, *read);
    });
    if (!failed) failed = static_cast<bool>(one.finish());
    must(failed != expected.has_value(),
         "trimmed, what is good Base64 is decoded, and nothing else");
    must(failed == one.fault().has_value(), "a fault is told");
    if (expected) return must(bytes == *expected, "trimmed, the bytes are those of the reference");
    std::vector<std::byte> buffer(left.size());
    const auto whole = base64::decode(bytes_of(left), buffer.data(), config.base64);
    must(same(whole.error, one.fault()), "trimmed pieces have the error of the trimmed whole");
}

void check_encoding(std::string_view bytes, const splits& where) {
    const std::string expected = reference_encoding(bytes);
    must(base64::encoded_size(bytes.size()) == expected.size(), "the size is known beforehand");
    std::vector<char> whole(expected.size());
    must(base64::encode(bytes_of(bytes), whole.data()) == whole.size(), "as much is written");
    must(std::string_view(whole.data(), whole.size()) == expected,
         "the text is that of the reference");
    std::string pieces;
    base64::encoder one;
    each_piece(bytes, where, [&](std::string_view piece) {
        std::vector<char> buffer(base64::encoded_size(piece.size() + 2));
        pieces.append(buffer.data(), one.encode(bytes_of(piece), buffer.data()));
    });
    std::array<char, 4> last{};
    pieces.append(last.data(), one.finish(last.data()));
    must(pieces == expected, "pieces are encoded to the text of the whole");
    check_decoding(expected, {}, where);
    namespace groups = base64::detail;
    std::vector<char> fast(expected.size()), plain(expected.size());
    const std::size_t n = groups::encode_groups(bytes_of(bytes), fast.data());
    must(n == groups::encode_groups_plainly(bytes_of(bytes), plain.data()) && fast == plain,
         "vectors encode as plain code does");
}

void check_groups(std::string_view text) {
    namespace groups = base64::detail;
    std::vector<std::byte> fast(base64::decoded_size(text.size())), plain(fast.size());
    const std::size_t n = groups::decode_groups(bytes_of(text), fast.data());
    const std::size_t m = groups::decode_groups_plainly(bytes_of(text), plain.data());
    must(n == m, "vectors stop where plain code does");
    must(chars_of(fast, base64::decoded_size(n)) == chars_of(plain, base64::decoded_size(m)),
         "vectors decode as plain code does");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned flags = from.byte();
    gateway_config config;
    config.base64.letters = (flags & 1) != 0 ? base64::alphabet::url : base64::alphabet::standard;
    config.base64.whitespace = (flags & 2) != 0;
    config.trim = static_cast<trimming>((flags >> 2 & 3) % 3);
    const splits where(from);
    const std::string_view text = from.text();
    check_decoding(text, config.base64, where);
    check_trimmed(text, config, where);
    check_groups(text);
    if ((flags & 16) != 0) check_encoding(text, where);
    return 0;
}
