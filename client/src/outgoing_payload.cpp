#include "outgoing_payload.hpp"

#include <algorithm>

namespace finpost::detail {

namespace {

constexpr std::size_t block = 64 << 10;
constexpr std::size_t least_read = 4 << 10;  // a source that encodes wants some space
constexpr std::size_t front = 32, back = 64; // for the frame's header and trailer

std::size_t copy(std::string_view from, std::byte* to) noexcept {
    std::transform(from.begin(), from.end(), to, [](char c) { return static_cast<std::byte>(c); });
    return from.size();
}

} // namespace

outgoing_payload::outgoing_payload(const frame_spec& frame, bool allow_empty)
    : writer_(frame), framed_(frame.type != frame_spec::kind::eof), allow_empty_(allow_empty),
      begin_(front), end_(front) {}

std::size_t outgoing_payload::space() const noexcept { return block_.size() - back - end_; }

std::span<std::byte> outgoing_payload::prepare() {
    if (block_.empty()) block_.resize(front + block + back);
    // Twice as large each time: as a whole it is copied at most once.
    if (writer_.needs_size() && space() < least_read) block_.resize(2 * block_.size());
    return std::span(block_).subspan(end_, space());
}

bool outgoing_payload::commit(std::size_t n) {
    came_ = came_ || n > 0;
    if (n == 0) return finish();
    const std::span<const std::byte> piece = std::span(block_).subspan(end_, n);
    if (writer_.needs_size()) { // too much is known before the end
        end_ += n;
        return writer_.begin(end_ - front);
    }
    put_header();
    const auto to_send = writer_.add(piece);
    if (to_send) end_ += *to_send;
    return to_send.has_value();
}

bool outgoing_payload::finish() {
    ended_ = true;
    if (!came_ && !allow_empty_) return true;
    if (writer_.needs_size()) {
        if (!writer_.wrap(std::span(block_).subspan(front, end_ - front))) return false;
        begun_ = true;
        begin_ -= writer_.header().size();
        copy(writer_.header(), block_.data() + begin_);
    } else {
        put_header();
        if (framed_ && !writer_.end()) return false;
    }
    end_ += copy(writer_.trailer(), block_.data() + end_);
    return true;
}

void outgoing_payload::put_header() noexcept {
    if (begun_) return;
    begun_ = true;
    writer_.begin({});
    begin_ -= writer_.header().size();
    copy(writer_.header(), block_.data() + begin_);
}

bool outgoing_payload::ready() const noexcept {
    if (ended_ || !framed_) return ended_ || end_ > begin_;
    return !writer_.needs_size() && space() < least_read;
}

std::span<const std::byte> outgoing_payload::data() const noexcept {
    return std::span(block_).subspan(begin_, end_ - begin_);
}

void outgoing_payload::consume() noexcept { begin_ = end_ = front; }

} // namespace finpost::detail
