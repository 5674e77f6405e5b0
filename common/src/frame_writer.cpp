#include "frame_writer.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace finpost::detail {

namespace {

using kind = frame_spec::kind;

constexpr std::string_view holds_end = "the body holds the end of its frame",
                           too_long = "the body is too long for its frame",
                           other_size = "the body has not the size that its frame has",
                           no_size = "the frame begins with a size that is not known",
                           cr_at_end = "the body ends with a CR, which the line's end would take",
                           nothing = "an empty body is no frame";

// The end that a body may not hold. A line has rules of its own.
std::string_view forbidden_in(const frame_spec& spec) noexcept {
    return spec.type == kind::line ? std::string_view() : end_mark(spec);
}

std::uint64_t largest(kind type, std::uint8_t width) noexcept {
    if (type == kind::length) return (std::uint64_t{1} << (8 * width)) - 1;
    std::uint64_t limit = 1;
    for (unsigned i = 0; i < width; ++i) limit *= 10;
    return limit - 1;
}

} // namespace

frame_writer::frame_writer(const frame_spec& spec) noexcept
    : type_(spec.type), width_(spec.width), little_endian_(spec.little_endian),
      inclusive_(spec.inclusive), fixed_size_(spec.size), scanner_(forbidden_in(spec)),
      check_(spec.check) {}

bool frame_writer::needs_size() const noexcept {
    return type_ == kind::length || type_ == kind::length_ascii || type_ == kind::netstring;
}

bool frame_writer::begin(std::optional<std::uint64_t> size) noexcept {
    scanner_.reset();
    announced_ = type_ == kind::fixed ? fixed_size_ : size;
    size_ = 0;
    line_ended_ = false;
    check_.reset();
    header_size_ = trailer_size_ = 0;
    fault_ = {};
    if (!size && needs_size()) return fail(no_size);
    if (type_ == kind::stx_etx) put(0x02);
    if (type_ == kind::mllp) put(0x0b);
    if (type_ == kind::length) return write_length(*size);
    if (type_ == kind::length_ascii || type_ == kind::netstring) return write_digits(*size);
    if (type_ == kind::fixed && size && *size != fixed_size_) return fail(other_size);
    return true;
}

bool frame_writer::write_length(std::uint64_t size) noexcept {
    const std::uint64_t own = inclusive_ ? width_ : 0;
    if (size > largest(type_, width_) - own) return fail(too_long);
    for (unsigned i = 0; i < width_; ++i) {
        const unsigned at = little_endian_ ? i : width_ - 1 - i;
        put(static_cast<std::uint8_t>((size + own) >> (8 * at)));
    }
    return true;
}

bool frame_writer::write_digits(std::uint64_t size) noexcept {
    std::array<char, 20> digits{};
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), size).ptr;
    const auto n = static_cast<std::size_t>(end - digits.data());
    if (type_ == kind::length_ascii) {
        if (size > largest(type_, width_)) return fail(too_long);
        for (std::size_t i = n; i < width_; ++i) put('0');
    }
    for (std::size_t i = 0; i < n; ++i) put(static_cast<std::uint8_t>(digits[i]));
    if (type_ == kind::netstring) put(':');
    return true;
}

std::optional<std::size_t> frame_writer::add(std::span<const std::byte> piece) noexcept {
    if (!fault_.empty()) return std::nullopt;
    if (piece.empty()) return 0;
    if (announced_ && piece.size() > *announced_ - size_) return fail(other_size), std::nullopt;
    const auto to_write = type_ == kind::line ? add_to_line(piece) : piece.size();
    if (scans() && scanner_.feed(piece).match) return fail(holds_end), std::nullopt;
    check_.add(piece);
    size_ += piece.size();
    last_ = piece.back();
    return to_write;
}

bool frame_writer::skip(std::uint64_t size) noexcept {
    if (!fault_.empty()) return false;
    if (announced_ && size > *announced_ - size_) return fail(other_size);
    size_ += size;
    return true;
}

// One line end at the body's end is the frame's own. Which LF is the last, only the end tells:
// until then it is kept back, for with it the client would have read a whole line.
std::optional<std::size_t> frame_writer::add_to_line(std::span<const std::byte> piece) noexcept {
    const void* const first = std::memchr(piece.data(), '\n', piece.size());
    if (line_ended_ || (first != nullptr && first != &piece.back()))
        return fail(holds_end), std::nullopt;
    line_ended_ = first != nullptr;
    return piece.size() - (line_ended_ ? 1 : 0);
}

bool frame_writer::end() noexcept {
    if (!fault_.empty()) return false;
    if (announced_ && size_ != *announced_) return fail(other_size);
    if (type_ == kind::idle && size_ == 0) return fail(nothing);
    if (type_ == kind::line) {
        // A reader drops the CR with the LF: the body would come back without it.
        if (size_ > 0 && last_ == std::byte{'\r'}) return fail(cr_at_end);
        append("\n");
    }
    if (scans()) {
        // The body's last bytes and the delimiter's first ones may be a delimiter as well ("AB"
        // before "ABAB"): it would be found too early.
        const std::span<const std::byte> mark = scanner_.delimiter();
        if (scanner_.feed(mark).consumed != mark.size()) return fail(holds_end);
        append({reinterpret_cast<const char*>(mark.data()), mark.size()});
    }
    if (type_ == kind::netstring) append(",");
    if (type_ == kind::stx_etx) append_check();
    return true;
}

void frame_writer::append_check() noexcept {
    check_.add_etx();
    const auto text = check_.text();
    append({text.data(), check_.size()});
}

std::optional<std::size_t> frame_writer::wrap(std::span<const std::byte> body) noexcept {
    if (!begin(body.size())) return std::nullopt;
    const auto to_write = add(body);
    if (!to_write || !end()) return std::nullopt;
    return to_write;
}

bool frame_writer::fail(std::string_view why) noexcept {
    fault_ = why;
    return false;
}

void frame_writer::put(std::uint8_t byte) noexcept {
    header_[header_size_++] = static_cast<char>(byte);
}

void frame_writer::append(std::string_view bytes) noexcept {
    std::copy(bytes.begin(), bytes.end(),
              trailer_.begin() + static_cast<std::ptrdiff_t>(trailer_size_));
    trailer_size_ += bytes.size();
}

} // namespace finpost::detail
