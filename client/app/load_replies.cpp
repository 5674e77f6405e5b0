#include "load_replies.hpp"

#include "finpost/client.hpp"

#include <cstdint>
#include <string>

namespace finpost {

using namespace detail;

namespace {

std::optional<reason> reason_in(std::string_view line) {
    const auto found = detect_refusal(line);
    if (!found) return std::nullopt;
    return found->why;
}

} // namespace

void framed_replies::connected(const frame_spec& spec) noexcept {
    spec_ = &spec;
    reader_.emplace(spec, UINT64_MAX, frame_reader::empty_frame::payload);
}

void framed_replies::expect() noexcept {
    wrong_ = false;
    came_.clear();
    payload_.clear();
}

framed_replies::found framed_replies::feed(const load_payloads& payloads,
                                           const load_payloads::variant& which,
                                           std::span<const char> data, bool verify) noexcept {
    came_.keep(data);
    const std::span<const std::byte> bytes = std::as_bytes(data);
    const frame_reader::step got = reader_->feed(bytes);
    for (const std::span<const std::byte> part : {got.held, got.payload}) {
        if (part.empty()) continue;
        const std::span<const char> text(reinterpret_cast<const char*>(part.data()), part.size());
        if (verify && !wrong_) wrong_ = !payloads.matches(which, payload_.size(), text);
        payload_.keep(text);
    }
    if (got.fault != frame_reader::fault::none) return found::junk;
    if (!got.complete) return found::more;
    const std::span<const std::byte> behind = bytes.subspan(got.consumed);
    if (behind.empty()) return found::complete;
    // Line ends and NULs are no second reply.
    frame_reader next(*spec_, UINT64_MAX);
    return next.feed_heartbeats(behind) ? found::complete : found::junk;
}

std::optional<reason> framed_replies::refusal() const {
    const std::string_view whole = payload_.whole();
    if (spec_->type != frame_spec::kind::line || !whole.starts_with("finpost: "))
        return reason_in(whole);
    return reason_in(std::string(whole) + '\n');
}

std::optional<reason> framed_replies::plain_refusal() const { return reason_in(came_.whole()); }

} // namespace finpost
