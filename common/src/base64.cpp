#include "finpost/base64.hpp"

#include "base64_groups.hpp"

#include <algorithm>
#include <array>

namespace finpost::base64 {

namespace {

constexpr std::byte pad{'='}, cr{'\r'}, lf{'\n'};

bool is_space(std::byte c) noexcept {
    return c == lf || c == cr || c == std::byte{' '} || c == std::byte{'\t'};
}

std::string_view cause_of(std::byte c) noexcept {
    switch (std::to_integer<unsigned char>(c)) {
    case '=':
        return "padding where none can stand";
    case '-':
    case '_':
        return "a character of the URL-safe alphabet, which is not accepted";
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return "white space other than one line end at the very end";
    default:
        return "not a character of the Base64 alphabet";
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
    if (!strict_) {
        std::optional<decode_error> wrong;
        to = take_by_rules(in, to, wrong);
        return {wrong ? 0 : static_cast<std::size_t>(to - out), wrong};
    }
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
    case padding::begun:
        return "a character other than padding after padding";
    case padding::complete:
        return "more text after the padding";
    case padding::none:
        break;
    }
    return cause_of(c);
}

// Whole groups of the standard alphabet at once, a line of 76 for instance, and everything else one
// by one.
std::byte* decoder::take_by_rules(std::span<const std::byte> in, std::byte* out,
                                  std::optional<decode_error>& wrong) {
    while (!in.empty() && !wrong) {
        const bool begins_group = in_group_ == 0 && padding_ == padding::none &&
                                  (rules_.whitespace || line_ == line_end::none);
        if (begins_group && rules_.letters == alphabet::standard) {
            const std::size_t whole = detail::decode_groups(in, out);
            read_ += whole;
            out += decoded_size(whole);
            in = in.subspan(whole);
            if (whole > 0) line_ = line_end::none;
            if (in.empty()) break;
        }
        wrong = take_by_rules(in.front(), out);
        if (!wrong) ++read_;
        in = in.subspan(1);
    }
    return out;
}

// One character, at the offset `read_`, in the words of the strict form.
std::optional<decode_error> decoder::take_by_rules(std::byte c, std::byte*& out) {
    if (rules_.whitespace) {
        if (is_space(c)) {
            if (line_ == line_end::none)
                line_end_ = read_; // where the text ends, if nothing follows
            line_ = line_end::lf;
            return std::nullopt;
        }
        line_ = line_end::none;
    }
    if (rules_.letters == alphabet::url) {
        if (c == std::byte{'-'})
            c = std::byte{'+'};
        else if (c == std::byte{'_'})
            c = std::byte{'/'};
        else if ((c == std::byte{'+'} || c == std::byte{'/'}) &&
                 line_ == line_end::none) // behind one, that is wrong
            return decode_error{read_, padding_ == padding::none
                                           ? "a character that the URL-safe alphabet has not"
                                           : cause_here(c)};
    }
    return take(c, out);
}

decode_result decoder::finish_by_rules() {
    if (line_ == line_end::cr) return {0, decode_error{line_end_, cause_here(cr)}};
    const bool may_end =
        rules_.letters == alphabet::url && padding_ == padding::none && in_group_ != 1;
    if (!may_end) return unfinished();
    // Without padding as with it: two texts for the same bytes are a covert channel.
    if (bits_ != 0) {
        const std::size_t end = line_ == line_end::none ? read_ : line_end_;
        return {0, decode_error{end - 1, "bits that must be zero at the end"}};
    }
    return {};
}

decode_result decoder::finish() {
    if (!strict_) return finish_by_rules();
    if (line_ == line_end::cr) return {0, decode_error{line_end_, cause_here(cr)}};
    return unfinished();
}

decode_result decoder::unfinished() const {
    if (in_group_ == 0) return {};
    const std::size_t end = line_ == line_end::none ? read_ : line_end_;
    return {0,
            decode_error{end, padding_ == padding::begun ? "the text ends within its padding"
                                                         : "the text ends within a group of four"}};
}

decode_result decode(std::span<const std::byte> in, std::byte* out, const rules& by) {
    if (by == rules{}) return decode(in, out);
    decoder text(by);
    const decode_result all = text.decode(in, out);
    if (all.error) return all;
    if (auto end = text.finish(); end.error) return end;
    return all;
}

decode_result decode(std::span<const std::byte> in, std::byte* out) {
    // A good text has nothing but its line end behind the last whole group. What a broken one has
    // there may give bytes that `out` has no room for.
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
