#include "upstream/chunk_decoder.hpp"

#include <algorithm>
#include <charconv>

namespace finpost {

namespace {

constexpr std::size_t max_overhead = 16 << 10; // all extensions and trailers together

bool is_text(std::string_view line) {
    return std::all_of(line.begin(), line.end(), [](char c) {
        return static_cast<unsigned char>(c) >= ' ' || c == '\t';
    });
}

} // namespace

chunk_decoder::state chunk_decoder::decode(payload& raw, payload& body) {
    for (;;) {
        const state now = advance(raw);
        const std::size_t n = at_hand(raw);
        if (now != state::more || n == 0) return now;
        const error_code unwritten = body.write(raw.bytes().first(n));
        if (unwritten && body.spilled()) unwritten_ = unwritten;
        if (unwritten) return fail(reason::busy);
        passed_on(raw, n);
    }
}

std::size_t chunk_decoder::at_hand(const payload& raw) const noexcept {
    return part_ != part::data ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(left_, raw.size()));
}

void chunk_decoder::passed_on(payload& raw, std::size_t n) noexcept {
    raw.remove_prefix(n);
    left_ -= n;
    passed_ += n;
    if (left_ == 0) part_ = part::data_end;
}

chunk_decoder::state chunk_decoder::advance(payload& raw) {
    if (part_ == part::data) return state::more;
    if (part_ == part::data_end) {
        if (!std::string_view("\r\n").starts_with(raw.text().substr(0, 2)))
            return fail(reason::upstream_invalid);
        if (raw.size() < 2) return state::more;
        raw.remove_prefix(2);
        part_ = part::size;
    }
    const state now = line(raw);
    if (now != state::more || part_ != part::data) return now;
    if (left_ > max_body_ - passed_) return fail(reason::reply_too_large);
    return state::more;
}

// Reads a chunk's size, or the trailers to their end; `more` in part `data` means a chunk follows.
chunk_decoder::state chunk_decoder::line(payload& raw) {
    for (;;) {
        const std::string_view text = raw.text();
        const std::size_t end = text.find('\n');
        if (std::min(end, text.size()) + overhead_ > max_overhead)
            return fail(reason::upstream_invalid);
        if (end == text.npos) return state::more;
        if (end == 0 || text[end - 1] != '\r') return fail(reason::upstream_invalid);
        const std::string_view content = text.substr(0, end - 1);
        if (!is_text(content)) return fail(reason::upstream_invalid);
        if (part_ == part::size) {
            if (!size_line(content)) return fail(reason::upstream_invalid);
            raw.remove_prefix(end + 1);
            if (part_ == part::data) return state::more;
            continue;
        }
        // Trailers are read and dropped (RFC 9110 §6.5.1).
        const bool last = content.empty();
        if (!last && content.find(':') == content.npos) return fail(reason::upstream_invalid);
        overhead_ += content.size();
        raw.remove_prefix(end + 1);
        if (last) return state::done;
    }
}

bool chunk_decoder::size_line(std::string_view text) {
    const char* const end = text.data() + text.size();
    const auto [stop, ec] = std::from_chars(text.data(), end, left_, 16);
    if (ec != std::errc{}) return false; // no digit ("-1" has none: the type has no sign), or too large
    const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
    const std::size_t extension = rest.find_first_not_of(" \t");
    if (extension != rest.npos && rest[extension] != ';') return false;
    overhead_ += rest.size();
    part_ = left_ > 0 ? part::data : part::trailers;
    return true;
}

chunk_decoder::state chunk_decoder::fail(reason why) noexcept {
    why_ = why;
    return state::failed;
}

} // namespace finpost
