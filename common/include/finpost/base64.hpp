#pragma once

#include "finpost/export.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace finpost::base64 {

/// The size of the encoding of `n` bytes, padding included (RFC 4648 §4). No line breaks are made.
constexpr std::size_t encoded_size(std::size_t n) noexcept { return (n + 2) / 3 * 4; }

/// An upper bound for what `n` characters decode to.
constexpr std::size_t decoded_size(std::size_t n) noexcept { return n / 4 * 3; }

/// Writes the standard alphabet's encoding of `in` to `out`, which has room for
/// `encoded_size(in.size())` characters, and returns how many it wrote. `in` and `out` don't
/// overlap.
FINPOST_EXPORT std::size_t encode(std::span<const std::byte> in, char* out);

/// The characters that stand for 62 and 63: `+/` (RFC 4648 §4), or `-_` (§5), where padding may be
/// left out.
enum class alphabet { standard, url };

/// What `decoder` takes beside the strict form.
struct rules {
    alphabet letters = alphabet::standard;
    /// Spaces, tabs, CR and LF anywhere, as `base64 FILE` and MIME (RFC 2045 §6.8) have them.
    bool whitespace = false;
    friend bool operator==(const rules&, const rules&) = default;
};

/// What is wrong with a text.
struct decode_error {
    std::size_t offset;     ///< the first byte that cannot stand where it stands
    std::string_view cause; ///< a fixed text: never a part of the input
};

struct decode_result {
    std::size_t size = 0; ///< bytes written, when there is no error
    std::optional<decode_error> error;
};

/// Decodes strictly (RFC 4648 §3.3, §3.5, §4): standard alphabet only, a multiple of four
/// characters,
/// `=` only as canonical padding at the end, zero pad bits. One LF or one CRLF at the very end is
/// tolerated, nothing else is. `out` has room for `decoded_size(in.size())` bytes and may be `in`
/// itself (decoding in place); on an error its content is unspecified.
FINPOST_EXPORT decode_result decode(std::span<const std::byte> in, std::byte* out);

/// The same by other rules: in place, or with room for `in.size()` bytes.
FINPOST_EXPORT decode_result decode(std::span<const std::byte> in, std::byte* out, const rules& by);

/// Encodes what comes in pieces of any size, one or two bytes included, to what `encode` makes of
/// the whole. An object is for one text and holds no memory of its own.
class encoder {
public:
    /// The next piece. Writes the characters that are complete with it to `out`, which has room for
    /// `encoded_size(in.size() + 2)` and does not overlap `in`, and returns how many. Up to two
    /// bytes are carried to the next call.
    FINPOST_EXPORT std::size_t encode(std::span<const std::byte> in, char* out);

    /// The end: writes the last group with its padding, 4 characters or none, and returns how many.
    FINPOST_EXPORT std::size_t finish(char* out);

private:
    std::byte carried_[3]{};
    std::size_t kept_ = 0; // of them: 0 to 2
};

/// Decodes a text that comes in pieces, split anywhere, as strictly as `decode` does the whole: the
/// same bytes, the same error. An object is for one text and holds no memory of its own; after an
/// error and after `finish` it has no further use.
///
/// Bytes come out as soon as they are certain, before it is known whether the text goes on as it
/// must: only when `finish` is without an error was the text a good one.
class decoder {
public:
    decoder() = default;
    explicit decoder(const rules& by) noexcept : rules_(by), strict_(by == rules{}) {}

    /// The next piece of the text. Writes the bytes that are complete with it to `out`; the
    /// result's `size` says how many, its error's offset counts from the start of the whole text.
    ///
    /// n characters never give more than n bytes, whatever was carried over from earlier pieces,
    /// and a byte is written after the character that completes it was read. So `out` may be
    /// `in.data()`, for every piece; otherwise room for `decoded_size(in.size() + 3)` is enough.
    FINPOST_EXPORT decode_result decode(std::span<const std::byte> in, std::byte* out);

    /// The end of the text: an error when it is incomplete. It never has bytes to give.
    FINPOST_EXPORT decode_result finish();

private:
    enum class padding : std::uint8_t { none, begun, complete };
    enum class line_end : std::uint8_t { none, cr, lf };

    std::byte* take_by_rules(std::span<const std::byte> in, std::byte* out,
                             std::optional<decode_error>& wrong);
    std::optional<decode_error> take_by_rules(std::byte c, std::byte*& out);
    decode_result finish_by_rules();
    decode_result unfinished() const;
    std::optional<decode_error> take_each(std::span<const std::byte> in, std::byte*& out);
    std::optional<decode_error> take(std::byte c, std::byte*& out);
    std::optional<decode_error> take_padding();
    std::string_view cause_here(std::byte c) const noexcept;

    std::size_t read_ = 0;      // characters so far
    std::size_t line_end_ = 0;  // where the line end began, if it has
    std::uint32_t bits_ = 0;    // of the characters in the group that made no byte yet: 6, 4 or 2
    std::uint8_t in_group_ = 0; // characters, padding included: 0 to 3
    padding padding_ = padding::none;
    line_end line_ = line_end::none;
    rules rules_;
    bool strict_ = true;
};

} // namespace finpost::base64
