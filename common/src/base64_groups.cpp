#include "base64_groups.hpp"

#include <array>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace finpost::base64::detail {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::uint8_t, 256> values = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(foreign);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return table;
}();

#if defined(__x86_64__)

// With the 32 bytes of an AVX2 register at once; compiled for it whatever the rest is compiled for,
// and called only where the processor has it. Each does what it can with whole registers, and
// returns how much of `in` that was.

[[gnu::target("avx2")]] __m256i when(__m256i mask, char value) {
    return _mm256_and_si256(mask, _mm256_set1_epi8(value));
}

[[gnu::target("avx2")]] __m256i above(__m256i each, char limit) {
    return _mm256_cmpgt_epi8(each, _mm256_set1_epi8(limit)); // signed: no byte from 0x80 on is
}

// Values 0 to 63 to characters: an offset that changes where the alphabet jumps.
[[gnu::target("avx2")]] __m256i characters_of(__m256i value) {
    __m256i offset = _mm256_set1_epi8('A');
    offset = _mm256_add_epi8(offset, when(above(value, 25), 'a' - 26 - 'A'));
    offset = _mm256_add_epi8(offset, when(above(value, 51), '0' - 52 - ('a' - 26)));
    offset = _mm256_add_epi8(offset, when(above(value, 61), '+' - 62 - ('0' - 52)));
    offset = _mm256_add_epi8(offset, when(above(value, 62), '/' - 63 - ('+' - 62)));
    return _mm256_add_epi8(value, offset);
}

[[gnu::target("avx2")]] std::size_t encode_with_avx2(std::span<const std::byte> in, char* out) {
    // Of each group "abc" the bytes b a c b: 16-bit words, of which each holds two of the values
    // whole.
    const __m256i spread = _mm256_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10, //
                                            1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    std::size_t at = 0;
    for (; in.size() - at >= 28; at += 24, out += 32) { // 12 bytes for each half, which reads 16
        const auto* const half = reinterpret_cast<const __m128i*>(in.data() + at);
        const auto* const other = reinterpret_cast<const __m128i*>(in.data() + at + 12);
        const __m256i groups = _mm256_shuffle_epi8(
            _mm256_set_m128i(_mm_loadu_si128(other), _mm_loadu_si128(half)), spread);
        // The first and third value of each group come down by 10 and by 6 bits, the others go up
        // by 4 and by 8: shifts by different numbers are multiplications.
        const __m256i odd = _mm256_mulhi_epu16(
            _mm256_and_si256(groups, _mm256_set1_epi32(0x0fc0fc00)), _mm256_set1_epi32(0x04000040));
        const __m256i even = _mm256_mullo_epi16(
            _mm256_and_si256(groups, _mm256_set1_epi32(0x003f03f0)), _mm256_set1_epi32(0x01000010));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                            characters_of(_mm256_or_si256(odd, even)));
    }
    return at;
}

// Characters to values 0 to 63; false when one is foreign.
[[gnu::target("avx2")]] bool values_of(__m256i& each) {
    const __m256i upper = _mm256_andnot_si256(above(each, 'Z'), above(each, 'A' - 1));
    const __m256i lower = _mm256_andnot_si256(above(each, 'z'), above(each, 'a' - 1));
    const __m256i digit = _mm256_andnot_si256(above(each, '9'), above(each, '0' - 1));
    const __m256i plus = _mm256_cmpeq_epi8(each, _mm256_set1_epi8('+'));
    const __m256i slash = _mm256_cmpeq_epi8(each, _mm256_set1_epi8('/'));
    const __m256i letter = _mm256_or_si256(upper, lower);
    const __m256i other = _mm256_or_si256(digit, _mm256_or_si256(plus, slash));
    const __m256i offset = _mm256_or_si256(
        _mm256_or_si256(when(upper, 0 - 'A'), when(lower, 26 - 'a')),
        _mm256_or_si256(when(digit, 52 - '0'),
                        _mm256_or_si256(when(plus, 62 - '+'), when(slash, 63 - '/'))));
    each = _mm256_add_epi8(each, offset);
    return _mm256_movemask_epi8(_mm256_or_si256(letter, other)) == -1;
}

[[gnu::target("avx2")]] std::size_t decode_with_avx2(std::span<const std::byte> in,
                                                     std::byte* out) {
    // The three bytes of each group, which lie in the wrong order in four; then the two halves
    // together.
    const __m256i order =
        _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, //
                         2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i together = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7);
    std::size_t at = 0;
    // 24 bytes are made and 32 written: for the last ones the room of 12 characters more must be
    // there. In place they end where the next ones are read, or before.
    for (; in.size() - at >= 32 + 12; at += 32, out += 24) {
        __m256i each = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in.data() + at));
        if (!values_of(each)) break;
        // 6 bits and 6 make 12, 12 and 12 make 24.
        const __m256i pairs = _mm256_maddubs_epi16(each, _mm256_set1_epi32(0x01400140));
        const __m256i groups = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
        const __m256i bytes =
            _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(groups, order), together);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), bytes);
    }
    return at;
}

bool has_avx2() noexcept {
    static const bool has = __builtin_cpu_supports("avx2") != 0;
    return has;
}

#else

constexpr bool has_avx2() noexcept { return false; }
std::size_t encode_with_avx2(std::span<const std::byte>, char*) { return 0; }
std::size_t decode_with_avx2(std::span<const std::byte>, std::byte*) { return 0; }

#endif

} // namespace

std::uint8_t value_of(std::byte c) noexcept { return values[std::to_integer<std::size_t>(c)]; }

std::size_t encode_groups(std::span<const std::byte> in, char* out) noexcept {
    const std::size_t done = has_avx2() ? encode_with_avx2(in, out) : 0;
    return done + encode_groups_plainly(in.subspan(done), out + done / 3 * 4);
}

std::size_t decode_groups(std::span<const std::byte> in, std::byte* out) noexcept {
    const std::size_t done = has_avx2() ? decode_with_avx2(in, out) : 0;
    return done + decode_groups_plainly(in.subspan(done), out + done / 4 * 3);
}

std::size_t encode_groups_plainly(std::span<const std::byte> in, char* out) noexcept {
    std::size_t at = 0;
    for (; in.size() - at >= 3; at += 3) {
        const auto group = std::to_integer<std::uint32_t>(in[at]) << 16 |
                           std::to_integer<std::uint32_t>(in[at + 1]) << 8 |
                           std::to_integer<std::uint32_t>(in[at + 2]);
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = alphabet[group >> 6 & 63];
        *out++ = alphabet[group & 63];
    }
    return at;
}

std::size_t decode_groups_plainly(std::span<const std::byte> in, std::byte* out) noexcept {
    std::size_t at = 0;
    for (; in.size() - at >= 4; at += 4) {
        const std::uint32_t a = value_of(in[at]), b = value_of(in[at + 1]),
                            c = value_of(in[at + 2]), d = value_of(in[at + 3]);
        if (((a | b | c | d) & 0x80) != 0) break; // no value has this bit, `foreign` has it
        const std::uint32_t group = a << 18 | b << 12 | c << 6 | d;
        *out++ = static_cast<std::byte>(group >> 16);
        *out++ = static_cast<std::byte>(group >> 8);
        *out++ = static_cast<std::byte>(group);
    }
    return at;
}

} // namespace finpost::base64::detail
