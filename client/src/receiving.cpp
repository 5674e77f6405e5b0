#include "operation.hpp"
#include "refusal_line.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace asio = boost::asio;

// What comes back: a reply, a refusal, or less than either.
namespace finpost::detail {

namespace {

constexpr std::size_t reply_block = 64 << 10;
constexpr unsigned reads_in_a_row = 8;

transfer timed_out() {
    transfer out;
    out.error = asio::error::timed_out;
    return out;
}

} // namespace

asio::awaitable<void> operation::receive() {
    std::vector<std::byte> room(reply_block);
    for (unsigned turn = 1;; ++turn) {
        if (error_) co_return;
        transfer got = stream_->read(room);
        if (expired_) got = timed_out();
        if (got.ended || got.error) co_return received_end(got.error);
        if (got.wait_for != readiness::none) {
            auto [ec] = co_await socket_.async_wait(kind_of(got.wait_for), as_result);
            static_cast<void>(ec); // a limit or a failure, which the next turn sees
            continue;
        }
        const std::size_t n = got.size;
        if (result_.received == 0) result_.first_byte = since_start();
        if (sent_all_) result_.stage = exchange_stage::receive;
        result_.received += n;
        advanced();
        const auto data = std::span(room).first(n);
        if (const error_code full = framed_ ? take_framed(data) : take(data)) co_return fail(full);
        if (complete_) co_return reply_ended();
        // However fast the reply comes, the payload, the limits and a cancellation have their turn.
        if (turn % reads_in_a_row == 0) co_await asio::post(strand_, asio::use_awaitable);
    }
}

// The peer's FIN, unless there is an error. A refusal may be followed by a reset, when the peer
// does not read what we still send.
void operation::received_end(error_code ec) {
    if (!framed_) {
        const bool whole = !ec || (!passing_ && detect_refusal(first_));
        return whole ? reply_ended() : fail_with_detail(ec);
    }
    incoming_reply::step last = framed_->cut(ec ? ec : error_code(asio::error::eof));
    if (last.refused) return refused_by(*std::move(last.refused));
    if (last.error == ec && !error_) result_.detail = stream_->failure();
    if (last.error != ec && !error_) result_.detail = framed_->detail();
    fail(last.error);
}

error_code operation::take_framed(std::span<const std::byte> data) {
    incoming_reply::step next = framed_->feed(data);
    if (next.refused) {
        refused_by(*std::move(next.refused));
        return error_;
    }
    if (next.error && !error_) result_.detail = framed_->detail();
    complete_ = next.complete;
    error_code failed = next.error ? next.error : take(next.held);
    if (!failed) failed = take(next.payload);
    return failed;
}

error_code operation::take(std::span<const std::byte> data) {
    if (!framed_ && options_.max_reply > 0 && result_.received > options_.max_reply)
        return asio::error::message_size;
    if (passing_) return pass_on(data);
    first_.append(reinterpret_cast<const char*>(data.data()), data.size());
    if (first_.size() <= longest_refusal) return {};
    passing_ = true;
    const std::string held = std::exchange(first_, {});
    return pass_on(std::as_bytes(std::span(held)));
}

error_code operation::pass_on(std::span<const std::byte> data) {
    if (sink_ != nullptr) return sink_->write(data);
    result_.reply.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
}

void operation::reply_ended() {
    if (!passing_) {
        auto refused = framed_ ? framed_->refusal_in(first_) : detect_refusal(first_);
        if (refused) return refused_by(*std::move(refused));
        passing_ = true;
        const error_code failed = pass_on(std::as_bytes(std::span(first_)));
        if (failed) return fail(failed);
    }
    if (!sent_all_) return fail(asio::error::broken_pipe);
    // Between two frames, over TLS as well, this is an end that cuts nothing.
    if (framed_ && !kept_) static_cast<void>(stream_->half_close());
    result_.stage = exchange_stage::done;
}

void operation::refused_by(refusal by) {
    if (error_) return;
    result_.refused = by.why;
    result_.request_id = std::move(by.request_id);
    fail(by.why);
}

} // namespace finpost::detail
