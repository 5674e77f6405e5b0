#include "base64_groups.hpp"

#include <array>
#include <string_view>

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

} // namespace

std::uint8_t value_of(std::byte c) noexcept { return values[std::to_integer<std::size_t>(c)]; }

std::size_t encode_groups(std::span<const std::byte> in, char* out) noexcept {
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

std::size_t decode_groups(std::span<const std::byte> in, std::byte* out) noexcept {
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
