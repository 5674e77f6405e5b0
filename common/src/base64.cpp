#include "finpost/base64.hpp"

#include "base64_groups.hpp"

#include <algorithm>
#include <array>

namespace finpost::base64 {

namespace {

constexpr std::byte pad{'='}, cr{'\r'}, lf{'\n'};

std::string_view cause_of(std::byte c) noexcept {
    switch (std::to_integer<unsigned char>(c)) {
    case '=': return "padding where none can stand";
    case '-':
    case '_': return "a character of the URL-safe alphabet, which is not accepted";
    case ' ':
    case '\t':
    case '\r':
    case '\n': return "white space other than one line end at the very end";
    default: return "not a character of the Base64 alphabet";
    }
}

} // namespace

std::size_t encode(std::span<const std::byte> in, char* out) {
    encoder whole;
    const std::size_t made = whole.encode(in, out);
    return made + whole.finish(out + made);
}

std::size_t encoder::encode(std::span<const std::byte> in, char* out) {
    std::size_t made = 0;
    if (kept_ > 0) {
        const std::size_t missing = std::min(3 - kept_, in.size());
        std::copy_n(in.begin(), missing, carried_ + kept_);
        kept_ += missing;
        in = in.subspan(missing);
        if (kept_ < 3) return 0;
        detail::encode_groups(carried_, out);
        made = 4;
    }
    const std::size_t whole = detail::encode_groups(in, out + made);
    kept_ = in.size() - whole;
    std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(whole), kept_, carried_);
    return made + encoded_size(whole);
}

std::size_t encoder::finish(char* out) {
    if (kept_ == 0) return 0;
    std::fill(carried_ + kept_, carried_ + 3, std::byte{});
    detail::encode_groups(carried_, out);
    std::fill(out + kept_ + 1, out + 4, '=');
    kept_ = 0;
    return 4;
}

decode_result decoder::decode(std::span<const std::byte> in, std::byte* out) {
    std::byte* to = out;
    // Up to the start of a group, then many groups at once, then what is left or is no such group.
    const std::size_t to_group = std::min<std::size_t>((4u - in_group_) % 4, in.size());
    if (const auto error = take_each(in.first(to_group), to)) return {0, error};
    in = in.subspan(to_group);
    if (in_group_ == 0 && padding_ == padding::none && line_ == line_end::none) {
        const std::size_t whole = detail::decode_groups(in, to);
        read_ += whole;
        to += decoded_size(whole);
        in = in.subspan(whole);
    }
    if (const auto error = take_each(in, to)) return {0, error};
    return {static_cast<std::size_t>(to - out), std::nullopt};
}

std::optional<decode_error> decoder::take_each(std::span<const std::byte> in, std::byte*& out) {
    for (const std::byte c : in) {
        if (const auto error = take(c, out)) return error;
        ++read_;
    }
    return std::nullopt;
}

// One character, at the offset `read_`.
std::optional<decode_error> decoder::take(std::byte c, std::byte*& out) {
    // Only an LF may follow a CR, and nothing an LF: otherwise it was no line end that began there.
    if (line_ == line_end::cr && c != lf) return decode_error{line_end_, cause_here(cr)};
    if (line_ == line_end::lf) return decode_error{line_end_, cause_here(lf)};
    if (c == cr || c == lf) {
        if (line_ == line_end::none) line_end_ = read_;
        line_ = c == cr ? line_end::cr : line_end::lf;
        return std::nullopt;
    }
    if (c == pad) return take_padding();
    const std::uint8_t value = detail::value_of(c);
    if (value == detail::foreign || padding_ != padding::none)
        return decode_error{read_, cause_here(c)};
    bits_ = bits_ << 6 | value;
    if (in_group_ > 0) {
        const unsigned rest = 6u - 2u * in_group_; // bits left over: 4, 2 or 0
        *out++ = static_cast<std::byte>(bits_ >> rest);
        bits_ &= (1u << rest) - 1;
    }
    in_group_ = (in_group_ + 1u) % 4;
    return std::nullopt;
}

std::optional<decode_error> decoder::take_padding() {
    if (padding_ == padding::complete || in_group_ < 2) return decode_error{read_, cause_here(pad)};
    // Bits that no byte takes must be zero: two texts for the same bytes are a covert channel
    // (RFC 4648 §3.5, §12).
    if (bits_ != 0) return decode_error{read_ - 1, "bits that must be zero before the padding"};
    in_group_ = (in_group_ + 1u) % 4;
    padding_ = in_group_ == 0 ? padding::complete : padding::begun;
    return std::nullopt;
}

// Why `c` cannot stand where it does.
std::string_view decoder::cause_here(std::byte c) const noexcept {
    switch (padding_) {
    case padding::begun: return "a character other than padding after padding";
    case padding::complete: return "more text after the padding";
    case padding::none: break;
    }
    return cause_of(c);
}

decode_result decoder::finish() {
    if (line_ == line_end::cr) return {0, decode_error{line_end_, cause_here(cr)}};
    if (in_group_ == 0) return {};
    const std::size_t end = line_ == line_end::none ? read_ : line_end_;
    return {0, decode_error{end, padding_ == padding::begun
                                     ? "the text ends within its padding"
                                     : "the text ends within a group of four"}};
}

decode_result decode(std::span<const std::byte> in, std::byte* out) {
    // A good text has nothing but its line end behind the last whole group. What a broken one has there
    // may give bytes that `out` has no room for.
    const std::size_t whole = in.size() / 4 * 4;
    std::array<std::byte, 3> beyond;
    decoder text;
    const decode_result groups = text.decode(in.first(whole), out);
    if (groups.error) return groups;
    if (auto rest = text.decode(in.subspan(whole), beyond.data()); rest.error) return rest;
    if (auto end = text.finish(); end.error) return end;
    return groups;
}

} // namespace finpost::base64
