#pragma once

#include "finpost/export.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace finpost::base64 {

/// The size of the encoding of `n` bytes, padding included (RFC 4648 §4). No line breaks are made.
constexpr std::size_t encoded_size(std::size_t n) noexcept { return (n + 2) / 3 * 4; }

/// An upper bound for what `n` characters decode to.
constexpr std::size_t decoded_size(std::size_t n) noexcept { return n / 4 * 3; }

/// Writes the standard alphabet's encoding of `in` to `out`, which has room for
/// `encoded_size(in.size())` characters, and returns how many it wrote. `in` and `out` don't overlap.
FINPOST_EXPORT std::size_t encode(std::span<const std::byte> in, char* out);

/// What `decode` found wrong.
struct decode_error {
    std::size_t offset;      ///< the first byte that cannot stand where it stands
    std::string_view cause;  ///< a fixed text: never a part of the input
};

struct decode_result {
    std::size_t size = 0;              ///< bytes written, when there is no error
    std::optional<decode_error> error;
};

/// Decodes strictly (RFC 4648 §3.3, §3.5, §4): standard alphabet only, a multiple of four characters,
/// `=` only as canonical padding at the end, zero pad bits. One LF or one CRLF at the very end is
/// tolerated, nothing else is. `out` has room for `decoded_size(in.size())` bytes and may be `in`
/// itself (decoding in place); on an error its content is unspecified.
FINPOST_EXPORT decode_result decode(std::span<const std::byte> in, std::byte* out);

} // namespace finpost::base64
