#include "incoming_reply.hpp"

#include "refusal_line.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace finpost::detail {

bool reply_ends_with_fin(const frame_spec& frame) noexcept {
    return frame.type == frame_spec::kind::eof || frame.type == frame_spec::kind::fixed ||
           frame.type == frame_spec::kind::idle;
}

incoming_reply::incoming_reply(const frame_spec& frame, std::uint64_t max_reply) noexcept
    : frame_(frame),
      reader_(frame, max_reply == 0 ? UINT64_MAX : max_reply, frame_reader::empty_frame::payload) {}

incoming_reply::step incoming_reply::feed(std::span<const std::byte> data) {
    step out;
    keep(data);
    if (!fault_) {
        const frame_reader::step got = reader_.feed(data);
        out.held = got.held;
        out.payload = got.payload;
        out.complete = got.complete;
        if (got.fault != frame_reader::fault::none) note_fault(got.fault);
        if (got.complete && is_more(data.subspan(got.consumed))) {
            out = {};
            detail_ = "more came behind the reply";
            fault_ = make_error_code(boost::system::errc::bad_message);
        }
    }
    if (!fault_) return out;
    out.refused = detect_refusal(begin_);
    if (!out.refused && !may_be_line()) out.error = fault_;
    return out;
}

void incoming_reply::keep(std::span<const std::byte> data) {
    const std::size_t n = std::min(data.size(), longest_refusal + 1 - begin_.size());
    begin_.append(reinterpret_cast<const char*>(data.data()), n);
}

// Until its end is there, or it cannot be one any more.
bool incoming_reply::may_be_line() const noexcept {
    constexpr std::string_view prefix = refusal_prefix;
    return std::string_view(begin_).substr(0, prefix.size()) == prefix.substr(0, begin_.size()) &&
           begin_.size() <= longest_refusal && begin_.find('\n') == begin_.npos;
}

void incoming_reply::note_fault(frame_reader::fault what) {
    if (what == frame_reader::fault::too_large) {
        fault_ = asio::error::message_size;
        return;
    }
    fault_ = make_error_code(boost::system::errc::bad_message);
    detail_ = "the reply is not framed as " + to_string(frame_) + ": " +
              std::string(reader_.fault_text()) + " at byte " +
              std::to_string(reader_.fault_offset());
}

// A reply that holds the frame's end reads like two of them: neither is the answer. Line ends and
// NULs between frames are no second one.
bool incoming_reply::is_more(std::span<const std::byte> behind) const noexcept {
    frame_reader next(frame_, UINT64_MAX);
    return !next.feed_heartbeats(behind);
}

incoming_reply::step incoming_reply::cut(error_code why) {
    step out;
    out.refused = detect_refusal(begin_);
    out.error = fault_ ? fault_ : why;
    if (!fault_ && why == asio::error::eof)
        detail_ = reader_.in_frame() ? "the connection was closed within the reply"
                                     : "the connection was closed without a reply";
    return out;
}

std::optional<refusal> incoming_reply::refusal_in(std::string_view payload) const {
    if (auto whole = detect_refusal(payload)) return whole;
    if (frame_.type != frame_spec::kind::line) return std::nullopt;
    return detect_refusal(std::string(payload) + '\n');
}

} // namespace finpost::detail
