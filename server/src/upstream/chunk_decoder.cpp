#include "upstream/chunk_decoder.hpp"

#include "upstream/response_head.hpp"

#include <algorithm>
#include <charconv>

namespace finpost::detail {

namespace {

constexpr std::size_t max_size_line = 256; // CRLF and extensions included
constexpr std::ptrdiff_t max_digits = 16;
constexpr std::size_t max_trailers = 16 << 10; // all together, as a head

bool is_hexadecimal(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

} // namespace

chunk_decoder::state chunk_decoder::decode(payload& raw, payload& body) {
    for (;;) {
        const state now = advance(raw);
        const std::size_t n = data_size(raw);
        if (now != state::more || n == 0) return now;
        const error_code unwritten = body.write(raw.bytes().first(n));
        if (unwritten && body.spilled()) unwritten_ = unwritten;
        if (unwritten) return fail(reason::busy, "no memory is left for the body");
        consume(raw, n);
    }
}

std::size_t chunk_decoder::data_size(const payload& raw) const noexcept {
    return part_ != part::data
               ? 0
               : static_cast<std::size_t>(std::min<std::uint64_t>(left_, raw.size()));
}

void chunk_decoder::consume(payload& raw, std::size_t n) noexcept {
    raw.remove_prefix(n);
    left_ -= n;
    passed_ += n;
    if (left_ == 0) part_ = part::data_end;
}

chunk_decoder::state chunk_decoder::advance(payload& raw) {
    if (part_ == part::data) return state::more;
    if (part_ == part::data_end) {
        if (!std::string_view("\r\n").starts_with(raw.text().substr(0, 2)))
            return fail(reason::upstream_invalid, "a chunk's data that does not end in CRLF");
        if (raw.size() < 2) return state::more;
        raw.remove_prefix(2);
        part_ = part::size;
    }
    const state now = line(raw);
    if (now != state::more || part_ != part::data) return now;
    if (left_ > max_body_ - passed_)
        return fail(reason::reply_too_large, "a chunk that makes the body larger than max_reply");
    return state::more;
}

// Reads a chunk's size, or the trailers to their end; `more` in part `data` means a chunk follows.
chunk_decoder::state chunk_decoder::line(payload& raw) {
    for (;;) {
        const bool in_size = part_ == part::size;
        const std::size_t allowed = in_size ? max_size_line : max_trailers - trailers_;
        const std::string_view text = raw.text().substr(0, allowed);
        const std::size_t end = text.find('\n');
        if (in_size && !text.empty() && !is_hexadecimal(text.front()))
            return fail(reason::upstream_invalid,
                        "a chunk's size that is not a hexadecimal number");
        if (end == text.npos) {
            if (text.size() < allowed) return state::more;
            return fail(reason::upstream_invalid, in_size ? "a chunk's line of more than 256 bytes"
                                                          : "trailers of more than 16 KiB");
        }
        if (end == 0 || text[end - 1] != '\r')
            return fail(reason::upstream_invalid,
                        "a line of the chunked coding that does not end in CRLF");
        const std::string_view content = text.substr(0, end - 1);
        const std::string_view fault = in_size ? size_line(content) : trailer(content);
        if (!fault.empty()) return fail(reason::upstream_invalid, fault);
        const bool last = !in_size && content.empty();
        if (!in_size) trailers_ += end + 1;
        raw.remove_prefix(end + 1);
        if (last) return state::done;
        if (part_ == part::data) return state::more;
    }
}

std::string_view chunk_decoder::size_line(std::string_view text) {
    const char* const end = text.data() + text.size();
    const auto [stop, ec] = std::from_chars(text.data(), end, left_, 16);
    if (ec != std::errc{} || stop - text.data() > max_digits)
        return "a chunk's size of more than 16 digits";
    const std::string_view rest(stop, static_cast<std::size_t>(end - stop));
    const std::size_t extension = rest.find_first_not_of(" \t");
    if (extension != rest.npos && rest[extension] != ';')
        return "a chunk's size that is not a hexadecimal number";
    if (!is_text(rest)) return "a control character in a chunk's extension";
    part_ = left_ > 0 ? part::data : part::trailers;
    return {};
}

// Read and dropped (RFC 9110 §6.5.1); the empty line is their end.
std::string_view chunk_decoder::trailer(std::string_view text) {
    return text.empty() ? std::string_view() : read_field(text).fault;
}

chunk_decoder::state chunk_decoder::fail(reason why, std::string_view what) noexcept {
    why_ = why;
    what_ = what;
    return state::failed;
}

} // namespace finpost::detail
