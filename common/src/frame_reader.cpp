#include "frame_reader.hpp"

#include "ascii.hpp"

#include <algorithm>
#include <limits>

namespace finpost::detail {

namespace {

using kind = frame_spec::kind;
using checksum = frame_spec::checksum;

constexpr std::byte nul{0x00}, stx{0x02}, line_feed{0x0a}, mllp_start{0x0b}, carriage_return{0x0d};

// jPOS, and what was made after it, polls with a length of zero, be it binary or of digits.
bool empty_can_be_heartbeat(kind type) noexcept {
    return type == kind::line || type == kind::delimiter || type == kind::length ||
           type == kind::length_ascii;
}

bool begins_with_mark(kind type) noexcept { return type == kind::stx_etx || type == kind::mllp; }

std::size_t clamped(std::uint64_t n) noexcept {
    constexpr std::uint64_t most = std::numeric_limits<std::size_t>::max();
    return static_cast<std::size_t>(std::min(n, most));
}

std::uint64_t one_more(std::uint64_t n) noexcept { return n == UINT64_MAX ? n : n + 1; }

} // namespace

frame_reader::frame_reader(const frame_spec& spec, std::uint64_t max_payload,
                           empty_frame empty) noexcept
    : type_(spec.type), width_(spec.width), little_endian_(spec.little_endian),
      inclusive_(spec.inclusive),
      empty_is_heartbeat_(empty == empty_frame::heartbeat && empty_can_be_heartbeat(spec.type)),
      fixed_size_(spec.size), max_payload_(max_payload), scanner_(end_mark(spec)),
      check_(spec.check) {}

frame_reader::step frame_reader::feed(std::span<const std::byte> input) noexcept {
    step out;
    while (out.consumed < input.size() && !out.complete && state_ != state::failed) {
        switch (state_) {
        case state::begin:
            begin(out, input);
            break;
        case state::header:
            take_header(out, input);
            break;
        case state::scan:
            take_scanned(out, input);
            break;
        case state::count:
            take_counted(out, input);
            break;
        case state::trailer:
            take_trailer(out, input);
            break;
        case state::all:
            take_all(out, input);
            break;
        case state::failed:
            break;
        }
    }
    out.fault = fault_;
    if (fault_ != fault::none) out.held = out.payload = {};
    return out;
}

bool frame_reader::feed_heartbeats(std::span<const std::byte> input) noexcept {
    const step got = feed(input);
    return !got.complete && got.fault == fault::none && !in_frame();
}

// NUL, CR and LF cannot begin these frames. GE's analysers send NULs between MLLP frames, many
// senders a line end behind each, serial converters fill with either.
bool frame_reader::pass_over(std::byte next) const noexcept {
    const bool passes =
        begins_with_mark(type_) || type_ == kind::netstring || type_ == kind::length_ascii;
    return passes && (next == nul || next == carriage_return || next == line_feed);
}

frame_reader::state frame_reader::after_start() const noexcept {
    switch (type_) {
    case kind::length:
    case kind::length_ascii:
    case kind::netstring:
        return state::header;
    case kind::fixed:
        return state::count;
    case kind::eof:
    case kind::idle:
        return state::all;
    default:
        return state::scan;
    }
}

void frame_reader::begin(step& out, std::span<const std::byte> input) noexcept {
    const std::byte next = input[out.consumed];
    if (pass_over(next)) {
        ++out.consumed;
        ++out.heartbeats;
        return;
    }
    if (begins_with_mark(type_)) {
        if (type_ == kind::mllp && next != mllp_start)
            return fail(fault::bad_frame, "no start byte (0B) where a frame must begin", 0);
        if (type_ == kind::stx_etx && next != stx)
            return fail(fault::bad_frame, "no STX (02) where a frame must begin", 0);
        ++out.consumed;
        ++offset_;
    }
    if (type_ == kind::fixed) {
        number_ = fixed_size_;
        if (number_ > max_payload_)
            return fail(fault::too_large, "the fixed size is above the limit", 0);
    }
    state_ = after_start();
}

void frame_reader::take_header(step& out, std::span<const std::byte> input) noexcept {
    const auto byte = std::to_integer<unsigned char>(input[out.consumed]);
    if (type_ == kind::length) {
        if (little_endian_)
            number_ |= std::uint64_t{byte} << (8 * taken_);
        else
            number_ = number_ << 8 | byte;
    } else if (!(type_ == kind::netstring ? take_netstring_byte(byte) : take_digit(byte))) {
        return;
    }
    ++out.consumed;
    ++offset_;
    ++taken_;
    const bool ended = type_ == kind::netstring ? byte == ':' : taken_ == width_;
    if (type_ == kind::netstring && !ended) taken_ = 1; // as many as are allowed
    if (ended) header_complete(out);
}

bool frame_reader::take_digit(unsigned char byte) noexcept {
    if (!is_digit(byte))
        return fail(fault::bad_frame, "the length is not of decimal digits", offset_), false;
    number_ = number_ * 10 + (byte - '0');
    return true;
}

// cr.yp.to, netstrings: no zero before other digits. How large it is is known before the colon.
bool frame_reader::take_netstring_byte(unsigned char byte) noexcept {
    if (byte == ':' && taken_ > 0) return true;
    if (!is_digit(byte))
        return fail(fault::bad_frame, "the length is not decimal digits and a colon", offset_),
               false;
    if (taken_ > 0 && number_ == 0)
        return fail(fault::bad_frame, "the length begins with a zero", offset_), false;
    const std::uint64_t digit = byte - '0';
    if (digit > max_payload_ || number_ > (max_payload_ - digit) / 10)
        return fail(fault::too_large, "the length is above the limit", 0), false;
    number_ = number_ * 10 + digit;
    return true;
}

void frame_reader::header_complete(step& out) noexcept {
    if (inclusive_) {
        if (number_ < width_)
            return fail(fault::bad_frame, "the length is less than its own bytes", 0);
        number_ -= width_;
    }
    if (number_ > max_payload_) return fail(fault::too_large, "the length is above the limit", 0);
    state_ = state::count;
    if (number_ == 0) payload_complete(out);
}

void frame_reader::take_scanned(step& out, std::span<const std::byte> input) noexcept {
    const std::span<const std::byte> before = held(), rest = input.subspan(out.consumed);
    const auto [n, match] = scanner_.feed(rest);
    // At the end of what was held and what came: the mark, or what may be its beginning.
    std::size_t mark = match ? scanner_.delimiter().size() : scanner_.matched();
    if (type_ == kind::line) {
        const bool cr = n > mark ? rest[n - mark - 1] == carriage_return : held_cr_;
        held_cr_ = cr;
        mark += cr ? 1 : 0;
    }
    const std::size_t released = before.size() + n - mark;
    out.held = before.first(std::min(before.size(), released));
    out.payload = rest.first(released - out.held.size());
    check_.add(out.payload);
    out.consumed += n;
    offset_ += n;
    if (released > max_payload_ - size_)
        return fail(fault::too_large, "the payload is above the limit",
                    (begins_with_mark(type_) ? 1 : 0) + max_payload_);
    size_ += released;
    if (match) payload_complete(out);
}

void frame_reader::take_counted(step& out, std::span<const std::byte> input) noexcept {
    const std::size_t left = input.size() - out.consumed;
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, number_ - size_));
    out.payload = input.subspan(out.consumed, n);
    out.consumed += n;
    offset_ += n;
    size_ += n;
    if (size_ == number_) payload_complete(out);
}

void frame_reader::take_all(step& out, std::span<const std::byte> input) noexcept {
    out.payload = input.subspan(out.consumed);
    out.consumed += out.payload.size();
    offset_ += out.payload.size();
    if (out.payload.size() > max_payload_ - size_)
        return fail(fault::too_large, "the payload is above the limit", max_payload_);
    size_ += out.payload.size();
}

void frame_reader::payload_complete(step& out) noexcept {
    if (type_ == kind::stx_etx) check_.add_etx();
    taken_ = 0;
    if (trailer_size() > 0)
        state_ = state::trailer;
    else
        frame_complete(out);
}

// The digits of a sum are taken in either case: it carries nothing.
void frame_reader::take_trailer(step& out, std::span<const std::byte> input) noexcept {
    const auto byte = std::to_integer<unsigned char>(input[out.consumed]);
    const unsigned char upper = byte >= 'a' && byte <= 'f' ? byte - ('a' - 'A') : byte;
    const bool netstring = type_ == kind::netstring, lrc = check_.which() == checksum::lrc;
    const bool digit = !netstring && !lrc && taken_ < 2;
    const char expected = netstring ? ',' : check_.text()[taken_];
    if ((digit ? upper : byte) != static_cast<unsigned char>(expected)) {
        const std::string_view what = netstring ? "no comma behind the payload"
                                      : lrc     ? "the LRC does not match"
                                      : digit   ? "the checksum does not match"
                                                : "no CR LF behind the checksum";
        return fail(fault::bad_frame, what, offset_);
    }
    ++out.consumed;
    ++offset_;
    ++taken_;
    if (taken_ == trailer_size()) frame_complete(out);
}

std::size_t frame_reader::trailer_size() const noexcept {
    if (type_ == kind::netstring) return 1;
    return type_ == kind::stx_etx ? check_.size() : 0;
}

void frame_reader::frame_complete(step& out) noexcept {
    if (size_ == 0 && empty_is_heartbeat_)
        ++out.heartbeats;
    else
        out.complete = true;
    next_frame();
}

void frame_reader::next_frame() noexcept {
    state_ = state::begin;
    held_cr_ = false;
    check_.reset();
    taken_ = 0;
    number_ = offset_ = size_ = 0;
}

void frame_reader::fail(fault what, std::string_view text, std::uint64_t offset) noexcept {
    state_ = state::failed;
    fault_ = what;
    text_ = text;
    fault_offset_ = offset;
}

frame_reader::fin frame_reader::on_fin() noexcept {
    if (state_ == state::failed) return fin::failed;
    if (!in_frame()) return fin::between_frames;
    if (type_ == kind::eof || type_ == kind::idle) return fin::complete;
    if (held().size() > max_payload_ - size_) {
        fail(fault::too_large, "the payload is above the limit",
             (begins_with_mark(type_) ? 1 : 0) + max_payload_);
        return fin::failed;
    }
    return fin::tail;
}

bool frame_reader::on_pause() noexcept {
    if (type_ != kind::idle || !in_frame() || state_ == state::failed) return false;
    next_frame();
    return true;
}

std::size_t frame_reader::read_size_hint() const noexcept {
    switch (state_) {
    case state::begin:
        return clamped(least_size());
    case state::header:
        // Digits that still come make the payload longer, never shorter.
        return type_ == kind::netstring ? clamped(one_more(one_more(number_))) : width_ - taken_;
    case state::scan:
        return scanner_.delimiter().size() - scanner_.matched() + trailer_size();
    case state::count:
        return clamped(trailer_size() == 0 ? number_ - size_ : one_more(number_ - size_));
    case state::trailer:
        return trailer_size() - taken_;
    case state::all:
        return clamped(one_more(max_payload_ - size_));
    case state::failed:
        break;
    }
    return 0;
}

// Of a frame with everything around it.
std::uint64_t frame_reader::least_size() const noexcept {
    switch (type_) {
    case kind::length:
    case kind::length_ascii:
        return width_;
    case kind::netstring:
        return 3; // "0:,"
    case kind::fixed:
        return fixed_size_;
    case kind::eof:
    case kind::idle:
        return one_more(max_payload_);
    default:
        return (begins_with_mark(type_) ? 1 : 0) + scanner_.delimiter().size() + trailer_size();
    }
}

bool frame_reader::scans() const noexcept { return scanner_.delimiter().size() > 0; }

std::optional<std::uint64_t> frame_reader::expected_size() const noexcept {
    const bool counted =
        type_ != kind::stx_etx && (state_ == state::count || state_ == state::trailer);
    if (!counted) return std::nullopt;
    return number_;
}

std::span<const std::byte> frame_reader::held() const noexcept {
    if (held_cr_) return {&carriage_return, 1};
    return scanner_.delimiter().first(scanner_.matched());
}

} // namespace finpost::detail
