#pragma once

#include "delimiter_scanner.hpp"
#include "frame_end.hpp"

#include "finpost/export.hpp"
#include "finpost/frame_spec.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace finpost::detail {

/// Wraps a body, or finds that its frame cannot carry it: what goes out is always read back as this
/// one body. Plain code, no socket inside; the body stays where it is. One object for all frames of
/// a connection:
///
///     begin(size)    the bytes in front: header()
///     add(piece)     as often as there are pieces: how much of it to write
///     end()          the bytes behind: trailer()
///
/// When one of them says that the frame cannot carry it (`fault` has the words), what is already
/// out is no frame, and the connection has to be reset. Where the whole body is at hand, `wrap`
/// says it before a byte is out.
class FINPOST_EXPORT frame_writer {
public:
    explicit frame_writer(const frame_spec& spec) noexcept;

    /// Whether the size stands in front of the body, so that `begin` has to know it.
    bool needs_size() const noexcept;

    /// False when no body of this size fits; without a size also when it needs one.
    bool begin(std::optional<std::uint64_t> size) noexcept;
    /// How many bytes from the piece's first on are to be written: all, but for the LF at the end
    /// of what a `line` carries, which is the trailer's. Nothing when the body holds the frame's
    /// end or becomes longer than was said; nothing of the piece is to be written then.
    std::optional<std::size_t> add(std::span<const std::byte> piece) noexcept;
    /// So many bytes of the body, where the frame does not look at them.
    bool skip(std::uint64_t size) noexcept;
    /// Whether the frame's end is a mark, which the body must not hold.
    bool looks_at_body() const noexcept { return type_ == frame_spec::kind::line || scans(); }
    /// False when it was shorter than was said, when its end and the frame's would be read as one,
    /// and when the frame would be none at all (nothing in an `idle` one).
    bool end() noexcept;

    /// All at once: how many bytes of `body` to write between `header()` and `trailer()`.
    std::optional<std::size_t> wrap(std::span<const std::byte> body) noexcept;

    /// Valid until the next `begin`.
    std::string_view header() const noexcept { return {header_.data(), header_size_}; }
    std::string_view trailer() const noexcept { return {trailer_.data(), trailer_size_}; }
    /// Why the frame cannot carry it, in words for people.
    std::string_view fault() const noexcept { return fault_; }

private:
    static constexpr std::size_t longest_header = 24; // a netstring's: 20 digits and a colon

    bool fail(std::string_view why) noexcept;
    bool scans() const noexcept { return scanner_.delimiter().size() > 0; }
    std::optional<std::size_t> add_to_line(std::span<const std::byte> piece) noexcept;
    bool write_length(std::uint64_t size) noexcept;
    bool write_digits(std::uint64_t size) noexcept;
    void put(std::uint8_t byte) noexcept;
    void append(std::string_view bytes) noexcept;
    void append_check() noexcept;

    const frame_spec::kind type_;
    const std::uint8_t width_;
    const bool little_endian_, inclusive_;
    const std::uint64_t fixed_size_;

    delimiter_scanner scanner_;
    frame_check check_;
    std::optional<std::uint64_t> announced_;
    std::uint64_t size_ = 0;  // of the body so far
    std::byte last_{};        // its last byte
    bool line_ended_ = false; // an LF is held back: it is the trailer's unless more comes
    std::array<char, longest_header> header_{};
    std::array<char, delimiter_scanner::longest> trailer_{};
    std::size_t header_size_ = 0, trailer_size_ = 0;
    std::string_view fault_;
};

} // namespace finpost::detail
