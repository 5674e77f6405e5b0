#include "session/payload_text.hpp"

#include "net/spill_io.hpp"

#include <algorithm>

namespace finpost::detail {

namespace {

bool is_trimmed(std::byte c, trimming which) noexcept {
    switch (std::to_integer<unsigned char>(c)) {
    case '\0':
        return which == trimming::nul;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return which == trimming::space;
    default:
        return false;
    }
}

} // namespace

std::size_t trimmed_size(std::span<const std::byte> text, trimming which) noexcept {
    std::size_t size = text.size();
    while (size > 0 && is_trimmed(text[size - 1], which)) --size;
    return size;
}

error_code trim_end(payload& whole, trimming which) {
    if (which == trimming::none) return {};
    if (!whole.spilled()) {
        whole.truncate(trimmed_size(whole.bytes(), which));
        return {};
    }
    const std::span<std::byte> buffer = passing_buffer();
    while (!whole.empty()) {
        const std::size_t n = std::min(buffer.size(), whole.size());
        const std::size_t before = whole.size() - n;
        const auto got = whole.read(before, buffer.first(n));
        if (got.has_error()) return got.error();
        const std::size_t left = trimmed_size(buffer.first(*got), which);
        whole.truncate(before + left);
        if (left > 0) break;
    }
    return {};
}

result<std::size_t> base64_text::decode(std::span<std::byte> text) {
    if (trim_ == trimming::none) return judged(decoder_.decode(text, text.data()));
    const std::size_t certain = trimmed_size(text, trim_);
    if (certain > 0 && held_) {
        std::byte unused[1];
        const auto first = judged(decoder_.decode(std::span(&*held_, 1), unused));
        if (first.has_error()) return first;
        held_.reset();
    }
    if (certain < text.size() && !held_) held_ = text[certain];
    return judged(decoder_.decode(text.first(certain), text.data()));
}

error_code base64_text::finish() { return judged(decoder_.finish()).error(); }

result<std::size_t> base64_text::judged(const base64::decode_result& decoded) {
    if (!decoded.error) return decoded.size;
    fault_ = decoded.error;
    return make_error_code(reason::bad_encoding);
}

} // namespace finpost::detail
