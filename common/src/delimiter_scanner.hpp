#pragma once

#include "finpost/export.hpp"
#include "finpost/frame_spec.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace finpost::detail {

/// Finds where a delimiter ends for the first time in bytes that come in pieces of any size. Each
/// byte is looked at a constant number of times, whatever the bytes are (Knuth, Morris, Pratt).
class FINPOST_EXPORT delimiter_scanner {
public:
    static constexpr std::size_t longest = frame_spec::longest_delimiter;

    /// Of 1 to 32 bytes; more are left out.
    explicit delimiter_scanner(std::string_view delimiter) noexcept;

    struct found {
        std::size_t consumed; ///< of the piece: up to and with the delimiter's last byte, or all
        bool match;
    };
    /// After a match it begins anew.
    found feed(std::span<const std::byte> piece) noexcept;

    /// How many bytes at the end of what was fed may be the delimiter's beginning: they are
    /// `delimiter().first(matched())`.
    std::size_t matched() const noexcept { return matched_; }
    std::span<const std::byte> delimiter() const noexcept { return {bytes_.data(), size_}; }
    void reset() noexcept { matched_ = 0; }

private:
    void advance(std::byte next) noexcept;

    std::array<std::byte, longest> bytes_{};
    // How much of the delimiter still matches where the byte behind `i + 1` matching ones differs.
    std::array<std::uint8_t, longest> fallback_{};
    std::size_t size_;
    std::size_t matched_ = 0;
};

} // namespace finpost::detail
