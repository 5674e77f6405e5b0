#pragma once

#include "finpost/export.hpp"
#include "finpost/frame_spec.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace finpost::detail {

/// The bytes that end a payload, where it is not a length, the FIN or a pause: LF, the delimiter,
/// ETX, or 1C 0D; else empty. Valid as long as `spec`.
FINPOST_EXPORT std::string_view end_mark(const frame_spec& spec) noexcept;

/// What stands behind the ETX: computed of all bytes after STX up to and with ETX, in pieces of any
/// size.
class FINPOST_EXPORT frame_check {
public:
    static constexpr std::size_t longest = 4;

    explicit frame_check(frame_spec::checksum which) noexcept : which_(which) {}

    void reset() noexcept { value_ = 0; }
    void add(std::span<const std::byte> bytes) noexcept;
    /// The end of what is computed over.
    void add_etx() noexcept;

    frame_spec::checksum which() const noexcept { return which_; }
    /// Of its text: 0 without a check, 1 for `lrc`, 4 for `sum`.
    std::size_t size() const noexcept;
    /// The first `size()` bytes stand behind the ETX.
    std::array<char, longest> text() const noexcept;

private:
    const frame_spec::checksum which_;
    std::uint8_t value_ = 0; // XOR or sum
};

} // namespace finpost::detail
