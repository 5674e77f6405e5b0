#pragma once

#include "finpost/base64.hpp"
#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace finpost::detail {

/// How much of `text` is left when its end is trimmed.
std::size_t trimmed_size(std::span<const std::byte> text, trimming which) noexcept;

/// Trims the end of a whole payload, wherever it is; an error when its file cannot be read.
error_code trim_end(payload& whole, trimming which);

/// Trims and decodes Base64 that comes in pieces, to the same bytes and the same error as the
/// whole.
class base64_text {
public:
    explicit base64_text(const gateway_config& config) noexcept
        : decoder_(config.base64),
          // White space that is passed over need not be trimmed as well.
          trim_(config.base64.whitespace && config.trim == trimming::space ? trimming::none
                                                                           : config.trim) {}

    /// Decodes the next piece in place; how many bytes that gives, or `reason::bad_encoding`.
    result<std::size_t> decode(std::span<std::byte> text);

    /// The end of the text: `reason::bad_encoding` when it is incomplete.
    error_code finish();

    /// What is wrong, once something is.
    const std::optional<base64::decode_error>& fault() const noexcept { return fault_; }

private:
    result<std::size_t> judged(const base64::decode_result& decoded);

    base64::decoder decoder_;
    trimming trim_;
    // The first of the bytes that will be trimmed if nothing else follows. If something does, this
    // one cannot stand where it stands, and the others do not matter.
    std::optional<std::byte> held_;
    std::optional<base64::decode_error> fault_;
};

} // namespace finpost::detail
