#pragma once

#include "session/payload_text.hpp"

#include "finpost/base64.hpp"
#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace finpost::detail {

// The one place that knows what each `codec` does. A new one gets a case in every switch here and
// in payload_codec.cpp. They have no default, so the compiler names those that lack it.

/// What is wrong with a text, and where.
using payload_fault = base64::decode_error;

/// It changes nothing: bytes are their own encoding.
inline bool is_plain(codec which) noexcept { return which == codec::none; }

/// A payload goes to the handler as the client sent it: neither decoded nor trimmed.
inline bool arrives_plain(const gateway_config& config) noexcept {
    return config.decode == codec::none && config.trim == trimming::none;
}

/// Trims and decodes a whole payload that is in memory. What is wrong with it, if something is; its
/// bytes are unspecified then.
std::optional<payload_fault> decode_whole(payload& whole, const gateway_config& config);

/// Decodes a payload that comes in pieces, split anywhere, to the same bytes and the same error as
/// `decode_whole`.
class payload_decoder {
public:
    explicit payload_decoder(const gateway_config& config) noexcept;

    /// Decodes the next piece in place; how many bytes that gives, or `reason::bad_encoding`.
    result<std::size_t> decode(std::span<std::byte> text);
    /// The end of the text: `reason::bad_encoding` when it is incomplete.
    error_code finish();

    /// What has to be trimmed of the bytes that come out. A codec that trims the text itself leaves
    /// nothing to trim.
    trimming left_to_trim() const noexcept;
    /// What is wrong, once something is.
    const std::optional<payload_fault>& fault() const noexcept { return base64_.fault(); }

private:
    const codec codec_;
    const trimming trim_;
    base64_text base64_;
};

/// The size of the encoding of `n` bytes.
std::size_t encoded_size(codec encode, std::size_t n) noexcept;

/// Encodes `whole` to `text`, which does not overlap it and has room for `encoded_size`; how many
/// bytes of text that gives.
std::size_t encode_whole(codec encode, std::span<const std::byte> whole, std::span<std::byte> text);

/// The encoding of `whole` from its byte `from` on: a piece of it, which is in `buffer`. Nothing is
/// carried from piece to piece, so the same `from` gives the same text, as TLS wants it after
/// `would_block`. Fails with a `file_error` (spill_io.hpp).
result<std::span<const std::byte>> encode_piece(codec encode, const payload& whole,
                                                std::uint64_t from, std::span<std::byte> buffer);

/// Encodes a reply whose size is not known yet, in pieces of any size, to the encoding of the
/// whole.
class payload_encoder {
public:
    /// The room that `finish` needs.
    static constexpr std::size_t max_end = 4;

    explicit payload_encoder(codec encode) noexcept : codec_(encode) {}

    /// Encodes as much of the front of `data` as surely has room in `text`, which has at least 16
    /// bytes, and drops it from `data`; how many bytes of text that gives.
    std::size_t encode(std::span<const std::byte>& data, std::span<std::byte> text);
    /// The end: what the last bytes left over.
    std::size_t finish(std::span<std::byte, max_end> text);

private:
    const codec codec_;
    base64::encoder base64_;
};

} // namespace finpost::detail
