#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <sys/uio.h>

namespace finpost {

/// The payloads of a run: no two alike, and none stored. Each is a few bytes of its own, then a
/// window of one block of noise that all share, over and over where it is longer than that. All
/// characters are of the Base64 alphabet.
class load_payloads {
public:
    /// Enough to recover which payload it is.
    struct variant {
        std::array<char, 16> head;
        std::size_t body_at;
    };

    explicit load_payloads(std::size_t size);

    std::size_t size() const noexcept { return size_; }

    /// The payload number `n`. Two payloads differ in their first bytes; the first ten count up in
    /// base 64, lowest digit first, so that even payloads of a byte or two seldom repeat at once.
    variant make(std::uint64_t n) const noexcept;

    /// What is left to send behind `offset`, or of a large payload the beginning of it, in one
    /// gathered write; the count of pieces, 0 when nothing is left.
    int rest(const variant& which, std::size_t offset, std::span<iovec, 2> pieces) const noexcept;

    /// Whether a payload may hold these bytes, at least one, somewhere.
    static bool may_hold(std::string_view bytes) noexcept;

    /// Whether `data` is what stands at `offset` of the payload.
    bool matches(const variant& which, std::size_t offset,
                 std::span<const char> data) const noexcept;

private:
    std::size_t head_size() const noexcept;

    std::size_t size_;
    std::vector<char> noise_;
};

} // namespace finpost
