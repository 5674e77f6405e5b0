#include "upstream/response_guard.hpp"

#include "policy/spilling.hpp"
#include "upstream/response_head.hpp"

#include <algorithm>
#include <utility>

namespace finpost {

namespace {

constexpr std::size_t max_head = 16 << 10;
constexpr int max_interim = 10;
constexpr std::size_t first_read = 4 << 10;
constexpr std::size_t largest_read = 1 << 20;
constexpr std::size_t to_file = 64 << 10; // what is read at once on the way to one

} // namespace

response_guard::response_guard(std::uint64_t max_body, byte_budget* budget, body becomes,
                               const spilling* files)
    : max_body_(max_body), passes_on_(becomes == body::passed_on), files_(files), raw_(budget),
      body_(budget), chunks_(max_body) {}

std::size_t response_guard::wanted() const noexcept {
    const std::size_t have = raw_.size();
    if (spills_) return to_file;
    switch (part_) {
    case part::sized: return static_cast<std::size_t>(length_ - have);
    case part::head: return have == 0 ? first_read : std::max<std::size_t>(max_head + 1 - have, 1);
    case part::chunked: return std::clamp(body_.size(), first_read, largest_read);
    case part::until_close: break;
    }
    const std::size_t grown = std::clamp(have, first_read, largest_read);
    return static_cast<std::size_t>(std::min<std::uint64_t>(grown, max_body_ + 1 - have));
}

// How large the body is at least, as far as one can know.
std::uint64_t response_guard::expected() const noexcept {
    if (part_ == part::sized) return length_;
    return std::uint64_t{body_.size()} + raw_.size() + 1;
}

bool response_guard::make_room() {
    const bool may_spill = files_ != nullptr && files_->is_on() && part_ != part::head;
    if (may_spill && !spills_ && files_->takes(expected())) spill();
    if (raw_.reserve(wanted())) return true;
    if (!may_spill || spills_) return false;
    spill(); // rather than wait for memory that others wait for as well
    return raw_.reserve(wanted());
}

void response_guard::spill() {
    spills_ = true;
    if (part_ != part::chunked) body_ = std::exchange(raw_, payload(raw_.budget()));
    unwritten_ = files_->move(body_).failed();
}

// To the file with what has come, as far as it is part of the body.
response_guard::state response_guard::keep() {
    std::size_t n = raw_.size();
    if (part_ == part::sized)
        n = static_cast<std::size_t>(std::min<std::uint64_t>(n, length_ - body_.size()));
    if (files_->write(body_, raw_.bytes().first(n))) return fail(reason::spill_failed);
    raw_.remove_prefix(n);
    if (part_ == part::sized && body_.size() == length_) return finish(0);
    return body_.size() > max_body_ ? fail(reason::reply_too_large) : state::more;
}

response_guard::state response_guard::received(std::size_t n) {
    raw_.commit(n);
    taken_ += n;
    if (unwritten_) return fail(reason::spill_failed);
    return spills_ && part_ != part::chunked ? keep() : consume();
}

response_guard::state response_guard::consume() {
    if (passes_on_ && part_ != part::head) return pass_on();
    switch (part_) {
    case part::head: {
        const std::string_view text = raw_.text();
        const std::size_t from = scanned_ < 3 ? 0 : scanned_ - 3;
        const std::size_t end = text.find("\r\n\r\n", from);
        if (end != text.npos) return read_head(end + 4);
        scanned_ = text.size();
        return text.size() > max_head ? fail(reason::upstream_invalid) : state::more;
    }
    case part::sized:
        return raw_.size() < length_ ? state::more : finish(static_cast<std::size_t>(length_));
    case part::chunked:
        switch (chunks_.decode(raw_, body_)) {
        case chunk_decoder::state::more: return state::more;
        case chunk_decoder::state::done: return finish(0);
        case chunk_decoder::state::failed:
            // As in `make_room`: rather a file than to fail for want of memory.
            if (!spills_ && files_ != nullptr && files_->is_on() && chunks_.why() == reason::busy) {
                spill();
                return unwritten_ ? fail(reason::spill_failed) : consume();
            }
            if (chunks_.unwritten()) return fail(to_reason(files_->failed(chunks_.unwritten())));
            return fail(chunks_.why());
        }
    case part::until_close: break;
    }
    return raw_.size() > max_body_ ? fail(reason::reply_too_large) : state::more;
}

std::span<const std::byte> response_guard::at_hand() const noexcept {
    switch (part_) {
    case part::head: return {};
    case part::chunked: return raw_.bytes().first(chunks_.at_hand(raw_));
    case part::sized:
        return raw_.bytes().first(
            static_cast<std::size_t>(std::min<std::uint64_t>(raw_.size(), length_ - passed_)));
    case part::until_close: break;
    }
    return raw_.bytes();
}

response_guard::state response_guard::passed_on(std::size_t n) {
    passed_ += n;
    if (part_ == part::chunked) chunks_.passed_on(raw_, n);
    else raw_.remove_prefix(n);
    return pass_on();
}

// Complete only when all of it has been passed on.
response_guard::state response_guard::pass_on() {
    if (part_ == part::sized) return passed_ < length_ ? state::more : finish(0);
    if (part_ == part::until_close)
        return passed_ + raw_.size() > max_body_ ? fail(reason::reply_too_large) : state::more;
    const auto now = chunks_.advance(raw_);
    if (now == chunk_decoder::state::failed) return fail(chunks_.why());
    return now == chunk_decoder::state::done ? finish(0) : state::more;
}

response_guard::state response_guard::read_head(std::size_t head_size) {
    if (head_size > max_head) return fail(reason::upstream_invalid);
    const auto head = read_response_head(raw_.text().substr(0, head_size));
    if (!head || head->status == 101) return fail(reason::upstream_invalid);
    raw_.remove_prefix(head_size);
    if (head->status < 200) {
        // An interim response (RFC 9110 §15.2): the final one is still to come.
        if (++interim_ > max_interim) return fail(reason::upstream_invalid);
        scanned_ = 0;
        return consume();
    }
    status_ = head->status;
    reusable_ = head->keep_alive;
    if (status_ == 204 || status_ == 304) return finish(0); // never a body (RFC 9110 §6.4.1)
    if (head->chunked) {
        part_ = part::chunked;
        return consume();
    }
    if (!head->length) {
        part_ = part::until_close;
        reusable_ = false;
        return consume();
    }
    if (*head->length > max_body_) return fail(reason::reply_too_large);
    part_ = part::sized;
    length_ = *head->length;
    return consume();
}

response_guard::state response_guard::closed() {
    if (part_ == part::until_close && !unwritten_) return finish(raw_.size());
    return fail(reason::upstream_incomplete);
}

response_guard::state response_guard::finish(std::size_t body_size) {
    // Bytes behind a response belong to no request of ours (RFC 9112 §9.2).
    if (raw_.size() > body_size) reusable_ = false;
    raw_.truncate(body_size);
    if (spills_) files_->kept();
    return state::complete;
}

response_guard::state response_guard::fail(reason why) noexcept {
    why_ = why;
    return state::failed;
}

payload response_guard::take_body() noexcept {
    return part_ == part::chunked || spills_ ? std::move(body_) : std::move(raw_);
}

} // namespace finpost
