#include "finpost/base64.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace finpost::base64 {

namespace {

// OpenSSL takes and returns `int` sizes: everything goes through it in slices of whole groups. The
// decoder's slice is copied first, so it is small.
constexpr std::size_t encode_slice = 3u << 20;
constexpr std::size_t decode_slice = 4u << 10;

constexpr std::uint8_t foreign = 0xff;

// The value of each character of the standard alphabet (RFC 4648 §4), `foreign` for everything else.
constexpr std::array<std::uint8_t, 256> values = [] {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::array<std::uint8_t, 256> table{};
    table.fill(foreign);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return table;
}();

std::uint8_t value_of(std::byte c) noexcept {
    return values[std::to_integer<std::size_t>(c)];
}

std::span<const std::byte> without_line_end(std::span<const std::byte> in) noexcept {
    if (in.empty() || in.back() != std::byte{'\n'}) return in;
    in = in.first(in.size() - 1);
    if (in.empty() || in.back() != std::byte{'\r'}) return in;
    return in.first(in.size() - 1);
}

// How many characters of the alphabet `text` begins with.
std::size_t alphabet_run(std::span<const std::byte> text) noexcept {
    constexpr std::size_t step = 16; // one test for many characters: nearly every text is valid
    std::size_t i = 0;
    for (; text.size() - i >= step; i += step) {
        std::uint8_t seen = 0;
        for (std::size_t k = 0; k < step; ++k) seen |= value_of(text[i + k]);
        if ((seen & 0x80) != 0) break;
    }
    while (i < text.size() && value_of(text[i]) != foreign) ++i;
    return i;
}

std::string_view cause_of(std::byte c) noexcept {
    switch (std::to_integer<unsigned char>(c)) {
    case '=': return "padding where none can stand";
    case '-':
    case '_': return "a character of the URL-safe alphabet, which is not accepted";
    case ' ':
    case '\t':
    case '\r':
    case '\n': return "white space other than one line end at the very end";
    default: return "not a character of the Base64 alphabet";
    }
}

decode_result failed(std::size_t offset, std::string_view cause) {
    decode_result out;
    out.error = decode_error{offset, cause};
    return out;
}

// Whole groups of checked characters become bytes. OpenSSL promises nothing about decoding in place.
bool decode_groups(std::span<const std::byte> text, std::byte* out) {
    std::array<unsigned char, decode_slice> copy;
    std::memcpy(copy.data(), text.data(), text.size());
    const int made = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out), copy.data(),
                                     static_cast<int>(text.size()));
    return made == static_cast<int>(decoded_size(text.size()));
}

// What is left after the full groups: nothing, a padded group at the end, or something wrong.
decode_result decode_end(std::span<const std::byte> text, std::size_t at, std::byte* out) {
    constexpr std::byte pad{'='};
    const std::size_t first_odd = at + alphabet_run(text.subspan(at));
    const std::size_t written = decoded_size(at);
    if (first_odd == text.size()) {
        if (first_odd != at) return failed(text.size(), "the text ends within a group of four");
        return {written, std::nullopt};
    }
    const std::size_t kept = first_odd - at; // characters of the group before its padding
    if (text[first_odd] != pad || kept < 2) return failed(first_odd, cause_of(text[first_odd]));
    for (std::size_t i = first_odd + 1; i < at + 4; ++i) {
        if (i == text.size()) return failed(i, "the text ends within its padding");
        if (text[i] != pad) return failed(i, "a character other than padding after padding");
    }
    if (text.size() > at + 4) return failed(at + 4, "more text after the padding");
    // OpenSSL drops the bits that no byte takes; two texts for the same bytes are a covert channel
    // (RFC 4648 §3.5, §12).
    const unsigned unused = kept == 2 ? 0x0f : 0x03;
    if ((value_of(text[first_odd - 1]) & unused) != 0) {
        return failed(first_odd - 1, "bits that must be zero before the padding");
    }
    // It writes a zero byte for each padding character: not to the caller's memory.
    std::array<std::byte, 3> last{};
    if (!decode_groups(text.subspan(at), last.data())) return failed(at, "not decodable");
    std::memcpy(out, last.data(), kept - 1);
    return {written + kept - 1, std::nullopt};
}

} // namespace

std::size_t encode(std::span<const std::byte> in, char* out) {
    if (in.empty()) return 0;
    const auto* from = reinterpret_cast<const unsigned char*>(in.data());
    auto* to = reinterpret_cast<unsigned char*>(out);
    // OpenSSL ends what it writes with a NUL, for which there is no room: the last group overwrites the
    // NULs of the slices before it and takes its own way through a buffer.
    std::size_t before_last = (in.size() - 1) / 3 * 3;
    const std::size_t in_last = in.size() - before_last;
    while (before_last > 0) {
        const std::size_t n = std::min(before_last, encode_slice);
        EVP_EncodeBlock(to, from, static_cast<int>(n));
        from += n;
        to += encoded_size(n);
        before_last -= n;
    }
    std::array<unsigned char, 5> last;
    EVP_EncodeBlock(last.data(), from, static_cast<int>(in_last));
    std::memcpy(to, last.data(), 4);
    return encoded_size(in.size());
}

decode_result decode(std::span<const std::byte> in, std::byte* out) {
    const auto text = without_line_end(in);
    std::size_t at = 0; // always at the start of a group; the bytes made stay behind the text read
    for (;;) {
        const auto slice = text.subspan(at, std::min(decode_slice, text.size() - at));
        const std::size_t whole = alphabet_run(slice) / 4 * 4;
        if (whole == 0) break;
        if (!decode_groups(slice.first(whole), out + decoded_size(at))) {
            return failed(at, "not decodable");
        }
        at += whole;
    }
    return decode_end(text, at, out + decoded_size(at));
}

} // namespace finpost::base64
