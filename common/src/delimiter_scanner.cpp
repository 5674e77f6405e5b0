#include "delimiter_scanner.hpp"

#include <algorithm>
#include <cstring>

namespace finpost::detail {

delimiter_scanner::delimiter_scanner(std::string_view delimiter) noexcept
    : size_(std::min(delimiter.size(), longest)) {
    std::transform(delimiter.begin(), delimiter.begin() + static_cast<std::ptrdiff_t>(size_),
                   bytes_.begin(), [](char c) { return static_cast<std::byte>(c); });
    // The delimiter is looked for in itself: what matches behind its first byte is what is left.
    for (std::size_t i = 1; i < size_; ++i) {
        advance(bytes_[i]);
        fallback_[i] = static_cast<std::uint8_t>(matched_);
    }
    matched_ = 0;
}

void delimiter_scanner::advance(std::byte next) noexcept {
    while (matched_ > 0 && bytes_[matched_] != next) matched_ = fallback_[matched_ - 1];
    if (bytes_[matched_] == next) ++matched_;
}

delimiter_scanner::found delimiter_scanner::feed(std::span<const std::byte> piece) noexcept {
    std::size_t at = 0;
    while (at < piece.size()) {
        if (matched_ == 0) { // most bytes are none of the delimiter's
            const void* const first =
                std::memchr(piece.data() + at, std::to_integer<int>(bytes_[0]), piece.size() - at);
            if (first == nullptr) return {piece.size(), false};
            at = static_cast<std::size_t>(static_cast<const std::byte*>(first) - piece.data());
        }
        advance(piece[at++]);
        if (matched_ == size_) {
            matched_ = 0;
            return {at, true};
        }
    }
    return {at, false};
}

} // namespace finpost::detail
