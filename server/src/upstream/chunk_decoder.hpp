#pragma once

#include "finpost/error.hpp"
#include "finpost/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace finpost {

/// Takes the chunked transfer coding off a body (RFC 9112 §7.1), in pieces of any size.
///
/// Beside Beast, whose parser fails an assertion when the last chunk's head arrives byte by byte, takes
/// "0x5" for a size, and buffers chunk extensions and trailers without a limit of its own.
class chunk_decoder {
public:
    enum class state { more, done, failed };

    explicit chunk_decoder(std::uint64_t max_body) : max_body_(max_body) {}

    /// Decodes from the front of `raw`, dropping what it used, and appends data to `body`. Bytes behind
    /// the end of the body stay in `raw`.
    state decode(payload& raw, payload& body);

    /// The same for who takes the data where it is: drops what is not data at the front of `raw`, of which
    /// `at_hand` bytes are data then, to be dropped by `passed_on`. `more` with nothing at hand needs input.
    state advance(payload& raw);
    std::size_t at_hand(const payload& raw) const noexcept;
    void passed_on(payload& raw, std::size_t n) noexcept;

    /// When failed: `upstream_invalid`, `reply_too_large`, or `busy` when the buffer budget is used up.
    reason why() const noexcept { return why_; }
    /// What the system said when it failed because a spilled body could not be written; success otherwise.
    error_code unwritten() const noexcept { return unwritten_; }

private:
    enum class part { size, data, data_end, trailers };

    state line(payload& raw);
    bool size_line(std::string_view text);
    state fail(reason why) noexcept;

    const std::uint64_t max_body_;
    part part_ = part::size;
    std::uint64_t left_ = 0;     // of the chunk's data
    std::uint64_t passed_ = 0;   // data of all chunks so far
    std::size_t overhead_ = 0;   // bytes of extensions and trailers so far
    reason why_ = reason::upstream_invalid;
    error_code unwritten_;
};

} // namespace finpost
