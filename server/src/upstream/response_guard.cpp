#include "upstream/response_guard.hpp"

#include "policy/spill_policy.hpp"

#include <algorithm>
#include <utility>

namespace finpost::detail {

namespace {

constexpr std::size_t max_head = 16 << 10;
constexpr std::size_t max_interim = 64 << 10; // of the heads of interim responses together
constexpr std::size_t max_left_over = 8;      // line ends behind the response before
constexpr std::size_t first_response_read = 4 << 10;
constexpr std::size_t largest_response_read = 1 << 20;
constexpr std::size_t to_file = 64 << 10; // what is read at once on the way to one
constexpr std::string_view too_large = "a body larger than max_reply";

// What a reply may hold beside the queue: so little that thousands of them leave room for a large
// one.
std::uint64_t largest_beside(const buffer_budget& all) noexcept {
    return std::clamp<std::uint64_t>(all.limit() >> 14, first_response_read, 64 << 10);
}

} // namespace

response_guard::response_guard(std::uint64_t max_body, byte_budget* budget, body becomes,
                               const spill_policy* files)
    : max_body_(max_body), streams_body_(becomes == body::streamed), files_(files), raw_(budget),
      body_(budget), all_(dynamic_cast<buffer_budget*>(budget)), chunks_(max_body) {}

void response_guard::asked_for(const content_codings& accepted, bool relays_all) noexcept {
    codings_ = &accepted;
    relays_all_ = relays_all;
    head_ = response_head_reader(codings_);
}

void response_guard::follows_another() noexcept { left_over_ = max_left_over; }

std::size_t response_guard::read_size_hint() const noexcept {
    const std::size_t have = raw_.size();
    if (spills_) return to_file;
    switch (part_) {
    case part::sized:
        return static_cast<std::size_t>(length_ - have);
    case part::head:
        return have == 0 ? first_response_read : std::max<std::size_t>(max_head + 1 - have, 1);
    case part::chunked:
        return std::clamp(body_.size(), first_response_read, largest_response_read);
    case part::until_close:
        break;
    }
    const std::size_t grown = std::clamp(have, first_response_read, largest_response_read);
    return static_cast<std::size_t>(std::min<std::uint64_t>(grown, max_body_ + 1 - have));
}

// How large the body is at least, as far as one can know.
std::uint64_t response_guard::expected() const noexcept {
    if (part_ == part::sized) return length_;
    return std::uint64_t{body_.size()} + raw_.size() + 1;
}

bool response_guard::make_room() {
    const std::size_t n = read_size_hint();
    if (part_ == part::head) {
        // Until it is read, the exchange holds its payload.
        if (all_ == nullptr) return reserve(raw_, n);
        all_->overdraw(raw_, n);
        return true;
    }
    const bool may_spill = files_ != nullptr && files_->is_on();
    if (!may_spill) {
        join_queue();
        // Chunks are decoded beside what is read.
        return reserve(raw_, n) &&
               (part_ != part::chunked || reserve(body_, raw_.size() + raw_.writable().size()));
    }
    if (!spills_ && files_->takes(expected())) spill();
    if (reserve(raw_, read_size_hint())) return true;
    if (!spills_) spill(); // rather than wait for memory that others wait for as well
    if (all_ == nullptr) return reserve(raw_, read_size_hint());
    all_->overdraw(raw_, read_size_hint());
    return true;
}

bool response_guard::reserve(payload& bytes, std::size_t n) {
    lacking_ = {&bytes, n};
    return bytes.reserve(n);
}

// Replies that hold a part and wait for the rest would wait for each other.
void response_guard::join_queue() {
    if (all_ == nullptr || ticket_ || expected() <= largest_beside(*all_)) return;
    const std::uint64_t beside_body = part_ == part::chunked ? largest_response_read : 0;
    const std::uint64_t most = part_ == part::sized ? length_ : max_body_ + 1 + beside_body;
    ticket_.emplace(*all_, raw_, most, &body_).join();
}

void response_guard::spill() {
    spills_ = true;
    if (part_ != part::chunked) body_ = std::exchange(raw_, payload(raw_.budget()));
    unwritten_ = files_->move(body_).failed();
}

// To the file with what has come, as far as it is part of the body.
response_guard::state response_guard::write_to_file() {
    std::size_t n = raw_.size();
    if (part_ == part::sized)
        n = static_cast<std::size_t>(std::min<std::uint64_t>(n, length_ - body_.size()));
    const std::uint64_t before = body_.size();
    if (files_->write(body_, raw_.bytes().first(n))) return fail(reason::spill_failed, {});
    if (body_.size() > max_body_) return too_much(before);
    raw_.remove_prefix(n);
    return part_ == part::sized && body_.size() == length_ ? finish(0) : state::more;
}

response_guard::state response_guard::received(std::size_t n) {
    raw_.commit(n);
    bytes_received_ += n;
    if (unwritten_) return fail(reason::spill_failed, {});
    return spills_ && part_ != part::chunked ? write_to_file() : advance();
}

response_guard::state response_guard::advance() {
    if (streams_body_ && part_ != part::head) return advance_stream();
    switch (part_) {
    case part::head:
        return read_head();
    case part::sized:
        return raw_.size() < length_ ? state::more : finish(static_cast<std::size_t>(length_));
    case part::chunked:
        switch (chunks_.decode(raw_, body_)) {
        case chunk_decoder::state::more:
            return state::more;
        case chunk_decoder::state::done:
            return finish(0);
        case chunk_decoder::state::failed:
            // As in `make_room`: rather a file than to fail for want of memory.
            if (!spills_ && files_ != nullptr && files_->is_on() && chunks_.why() == reason::busy) {
                spill();
                return unwritten_ ? fail(reason::spill_failed, {}) : advance();
            }
            if (chunks_.unwritten())
                return fail(to_reason(files_->failed(chunks_.unwritten())), {});
            return fail(chunks_.why(), chunks_.what());
        }
    case part::until_close:
        break;
    }
    return raw_.size() > max_body_ ? too_much(0) : state::more;
}

std::span<const std::byte> response_guard::data() const noexcept {
    switch (part_) {
    case part::head:
        return {};
    case part::chunked:
        return raw_.bytes().first(chunks_.data_size(raw_));
    case part::sized:
        return raw_.bytes().first(
            static_cast<std::size_t>(std::min<std::uint64_t>(raw_.size(), length_ - passed_)));
    case part::until_close:
        break;
    }
    return raw_.bytes();
}

response_guard::state response_guard::consume(std::size_t n) {
    passed_ += n;
    if (part_ == part::chunked)
        chunks_.consume(raw_, n);
    else
        raw_.remove_prefix(n);
    return advance_stream();
}

// Complete only when all of it has been passed on.
response_guard::state response_guard::advance_stream() {
    if (part_ == part::sized) return passed_ < length_ ? state::more : finish(0);
    if (part_ == part::until_close)
        return passed_ + raw_.size() > max_body_ ? too_much(passed_) : state::more;
    const auto now = chunks_.advance(raw_);
    if (now == chunk_decoder::state::failed) return fail(chunks_.why(), chunks_.what());
    return now == chunk_decoder::state::done ? finish(0) : state::more;
}

// A service that writes a line end behind each body may do so when the next request is out already.
void response_guard::pass_over_line_ends() noexcept {
    const std::string_view text = raw_.text();
    std::size_t n = 0;
    while (n < text.size() && n < left_over_ && (text[n] == '\r' || text[n] == '\n')) ++n;
    left_over_ = n < text.size() ? 0 : left_over_ - n;
    if (n == 0) return;
    passed_over_ += n;
    tidy_ = false;
    raw_.remove_prefix(n);
}

// Interim responses (RFC 9110 §15.2) are passed over: the final one is still to come.
response_guard::state response_guard::read_head() {
    for (;;) {
        if (left_over_ > 0) pass_over_line_ends();
        const auto now = head_.read(raw_.text());
        if (now == response_head_reader::state::failed)
            return fail(reason::upstream_invalid, head_.what(), head_.offset());
        const bool done = now == response_head_reader::state::done;
        if ((done ? head_.size() : raw_.size()) > max_head)
            return fail(reason::upstream_invalid, "a head of more than 16 KiB", max_head);
        if (!done) return state::more;
        const int status = head_.head().status;
        if (status == 101)
            return fail(reason::upstream_invalid, "another protocol that nobody asked for");
        tidy_ = tidy_ && !head_.bare_lf();
        raw_.remove_prefix(head_.size());
        if (status >= 200) return judge_head();
        interim_ += head_.size();
        if (interim_ > max_interim)
            return fail(reason::upstream_invalid, "interim responses of more than 64 KiB");
        head_ = response_head_reader(codings_);
    }
}

response_guard::state response_guard::judge_head() {
    const response_head& head = head_.head();
    status_ = head.status;
    http_1_0_ = head.http_1_0;
    reusable_ = head.keep_alive && tidy_;
    const bool success = status_ >= 200 && status_ < 300;
    // What is passed on is the answer to a request in chunks, of which HTTP/1.0 knows nothing: it
    // has taken the payload for empty, or its chunks for the payload (RFC 9112 §6.1).
    if (streams_body_ && http_1_0_ && success)
        return fail(reason::upstream_incomplete,
                    "HTTP/1.0 to a request in chunks, which it cannot have read");
    // No request of ours has a Range, which is not defined for POST either (RFC 9110 §14.2).
    if (status_ == 206)
        return fail(reason::upstream_invalid, "a part of a response (206) that nobody asked for");
    if (status_ == 204 || status_ == 304) { // never a body (RFC 9110 §6.4.1)
        // One that is announced may come all the same, and would answer the next request.
        if (head.chunked || head.length.value_or(0) > 0) reusable_ = false;
        return finish(0);
    }
    if (head.foreign_coding && (success || relays_all_))
        return fail(reason::upstream_invalid, "a Content-Encoding that was not asked for");
    if (head.chunked) {
        part_ = part::chunked;
        // What has come with the head is there to be decoded, and nobody can wait here.
        if (all_ != nullptr && !streams_body_)
            all_->overdraw(body_, raw_.size() + raw_.writable().size());
        return advance();
    }
    if (!head.length) {
        part_ = part::until_close;
        reusable_ = false;
        return advance();
    }
    if (*head.length > max_body_)
        return fail(reason::reply_too_large, "a Content-Length larger than max_reply");
    part_ = part::sized;
    length_ = *head.length;
    return advance();
}

response_guard::state response_guard::closed() {
    if (unwritten_) return fail(reason::spill_failed, {});
    if (part_ == part::until_close) return finish(raw_.size());
    if (!started())
        return fail(reason::upstream_incomplete, "the end before a byte of a response",
                    raw_.size());
    return fail(reason::upstream_incomplete, "the end before the response was complete",
                raw_.size());
}

response_guard::state response_guard::cut() {
    return fail(reason::upstream_incomplete,
                "the connection broke before the response was complete", raw_.size());
}

response_guard::state response_guard::finish(std::size_t body_size) {
    // Bytes behind a response belong to no request of ours (RFC 9112 §9.2).
    behind_ = raw_.size() - body_size;
    if (behind_ > 0) reusable_ = false;
    raw_.truncate(body_size);
    ticket_.reset();
    if (spills_) files_->kept();
    return state::complete;
}

// Of a body without a length, of which `before` bytes are not in `raw_` any more: its first byte
// too many.
response_guard::state response_guard::too_much(std::uint64_t before) noexcept {
    return fail(reason::reply_too_large, too_large, static_cast<std::size_t>(max_body_ - before));
}

// `at` is counted from the first byte that is not consumed.
response_guard::state response_guard::fail(reason why, std::string_view what,
                                           std::size_t at) noexcept {
    why_ = why;
    what_ = what;
    offset_ = bytes_received_ - raw_.size() + at;
    return state::failed;
}

bool response_guard::without_body() const noexcept {
    if (streams_body_) return passed_ == 0;
    return part_ == part::chunked || spills_ ? body_.empty() : raw_.empty();
}

payload response_guard::take_body() noexcept {
    return part_ == part::chunked || spills_ ? std::move(body_) : std::move(raw_);
}

} // namespace finpost::detail
