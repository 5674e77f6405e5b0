#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace finpost::base64::detail {

/// Not the value of any character.
inline constexpr std::uint8_t foreign = 0xff;

/// The value of a character of the standard alphabet (RFC 4648 §4); `foreign` for everything else.
std::uint8_t value_of(std::byte c) noexcept;

/// Encodes the whole groups of three bytes at the start of `in`, and returns of how many bytes.
/// `out` has room for just that and does not overlap `in`.
std::size_t encode_groups(std::span<const std::byte> in, char* out) noexcept;

/// Decodes groups of four characters from the start of `in` up to the first group that has anything
/// but four characters of the alphabet, and returns how many characters. `out` has room for
/// `decoded_size(in.size())` bytes; it may be at `in.data()` or before it, in the same memory.
std::size_t decode_groups(std::span<const std::byte> in, std::byte* out) noexcept;

/// The same for every processor, group by group; what the two above do where there are no vectors.
std::size_t encode_groups_plainly(std::span<const std::byte> in, char* out) noexcept;
std::size_t decode_groups_plainly(std::span<const std::byte> in, std::byte* out) noexcept;

} // namespace finpost::base64::detail
