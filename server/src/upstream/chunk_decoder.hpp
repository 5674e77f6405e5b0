#pragma once

#include "finpost/error.hpp"
#include "finpost/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace finpost::detail {

/// Takes the chunked transfer coding off a body (RFC 9112 §7.1), in pieces of any size.
///
/// A chunk's line has at most 256 bytes, of which at most 16 are digits of its size; what is taken
/// once is taken in every chunk, however many there are. Blanks behind the size are allowed, since
/// devices pad with them. An extension is passed over unread: it may be any text, and its grammar
/// decides nothing. A trailer is as strict as the head, 16 KiB at the most, and dropped. Every line
/// ends in CRLF: what is lenient here, two readers may take for two different bodies.
///
/// Beside Beast, whose parser fails an assertion when the last chunk's head arrives byte by byte,
/// takes "0x5" for a size, and buffers chunk extensions and trailers without a limit of its own.
class chunk_decoder {
public:
    enum class state { more, done, failed };

    explicit chunk_decoder(std::uint64_t max_body) : max_body_(max_body) {}

    /// Decodes from the front of `raw`, dropping what it used, and appends data to `body`. Bytes
    /// behind the end of the body stay in `raw`.
    state decode(payload& raw, payload& body);

    /// The same for who takes the data where it is: drops what is not data at the front of `raw`,
    /// of which `data_size` bytes are data then, to be dropped by `consume`. `more` without data
    /// needs input.
    state advance(payload& raw);
    std::size_t data_size(const payload& raw) const noexcept;
    void consume(payload& raw, std::size_t n) noexcept;

    /// When failed: `upstream_invalid`, `reply_too_large`, or `busy` when the buffer budget is used
    /// up.
    reason why() const noexcept { return why_; }
    /// The same in words; what is wrong begins at the front of `raw`.
    std::string_view what() const noexcept { return what_; }
    /// What the system said when it failed because a spilled body could not be written; success
    /// otherwise.
    error_code unwritten() const noexcept { return unwritten_; }

private:
    enum class part { size, data, data_end, trailers };

    state line(payload& raw);
    std::string_view size_line(std::string_view text);
    std::string_view trailer(std::string_view text);
    state fail(reason why, std::string_view what) noexcept;

    const std::uint64_t max_body_;
    part part_ = part::size;
    std::uint64_t left_ = 0;   // of the chunk's data
    std::uint64_t passed_ = 0; // data of all chunks so far
    std::size_t trailers_ = 0; // bytes of trailers so far
    reason why_ = reason::upstream_invalid;
    std::string_view what_;
    error_code unwritten_;
};

} // namespace finpost::detail
