#include "upstream/buffered_exchange.hpp"

#include "async/fairness.hpp"
#include "net/spill_io.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/spill_policy.hpp"
#include "request_access.hpp"
#include "upstream/delivery_notes.hpp"
#include "upstream/request_head.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstdint>
#include <span>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr std::size_t tls_record = 16 << 10; // what goes into one (RFC 8446 §5.1)

} // namespace

asio::awaitable<error_code> buffered_exchange::run(const head_opening& opening,
                                                   response_guard& guard) {
    exchange_deadline& deadline = attempt_.deadline;
    const exchange_deadline::on_cancel cancel(deadline, [this] { stream().cancel(); });
    may_repeat_ = attempt_.lease->reused();
    if (may_repeat_) guard.follows_another();
    progress_.status = 0;
    const auto remaining = std::max(attempt_.until - clock::now(), clock::duration(1));
    deadline.arm(exchange_deadline::duration::zero(), remaining, reason::upstream_timeout);
    if (deadline.stopped()) co_return deadline.error(); // while nothing of it is out
    prepare(opening);
    stream().begin_request();
    error_code unsent = send_some();
    if (unsent == asio::error::would_block) unsent = co_await send_rest();
    if (!unsent) stream().end_request();
    if (unsent == reason::spill_failed) co_return unsent;
    progress_.cut = unsent.failed();
    head_ = std::string(); // most exchanges that are in flight wait from here on
    if (deadline.error()) co_return deadline.error();
    // An upstream that refuses early answers before it has read everything (RFC 9112 §9.5): what it
    // said is read even when the request could not be sent whole.
    error_code failed = co_await read_response(guard);
    progress_.status = guard.status();
    if (progress_.cut && !failed && guard.status() < 300) co_return reason::upstream_incomplete;
    co_return failed;
}

void buffered_exchange::prepare(const head_opening& opening) {
    head_ = request_head(opening, request_, random_parent());
    progress_.sent_before = progress_.sent_before || progress_.sent;
    progress_.sent = false;
    sent_ = in_head_ = 0;
    if (!over_tls_ || head_.size() >= tls_record) return;
    const payload& body = request_.body();
    in_head_ = std::min(body.size(), tls_record - head_.size());
    const std::size_t head_size = head_.size();
    head_.resize(head_size + in_head_);
    // Should the file not give it, it will fail again where that is looked at.
    const auto got = body.read(0, std::as_writable_bytes(std::span(head_)).subspan(head_size));
    in_head_ = got.has_value() ? *got : 0;
    head_.resize(head_size + in_head_);
}

// Sends what the kernel takes, and no more than others can wait for: success when that is
// everything, `would_block` when there is more.
error_code buffered_exchange::send_some() {
    const payload& body = request_.body();
    const std::size_t total = head_.size() + body.size() - in_head_;
    const std::size_t before = sent_;
    while (sent_ < total) {
        if (sent_ - before >= quantum) return asio::error::would_block;
        // Head and body in one gathered write; the payload is never copied, but for what fills a
        // TLS record.
        const std::size_t of_head = std::min(sent_, head_.size());
        const std::size_t of_body = sent_ - of_head + in_head_;
        const auto head = std::as_bytes(std::span(head_)).subspan(of_head);
        auto sent = result<std::size_t>(std::size_t{0});
        const std::size_t of_quantum = std::min(body.size() - of_body, quantum);
        if (!body.spilled())
            sent = stream().write_some(head, body.bytes().subspan(of_body, of_quantum));
        else if (!head.empty())
            sent = stream().write_some(head, {});
        else
            sent = stream().send_file_piece(body, of_body);
        if (sent.has_error())
            return is_file_error(sent.error()) ? file_failed(sent.error()) : sent.error();
        sent_ += *sent;
        progress_.sent = true;
    }
    return {};
}

error_code buffered_exchange::file_failed(error_code why) const {
    const spill_policy* const files = detail::request_access::files(request_);
    if (files != nullptr) return files->failed(why);
    return reason::spill_failed;
}

asio::awaitable<error_code> buffered_exchange::send_rest() {
    error_code unsent = asio::error::would_block;
    while (unsent == asio::error::would_block) {
        if (attempt_.deadline.error()) co_return attempt_.deadline.error();
        auto [ec] = co_await stream().async_wait_writable();
        if (ec) co_return ec;
        if (sent_ > yields_above) co_await fair_yield();
        if (attempt_.deadline.error()) co_return attempt_.deadline.error();
        unsent = send_some();
    }
    co_return unsent;
}

asio::awaitable<error_code> buffered_exchange::read_response(response_guard& guard) {
    payload& into = guard.buffer();
    auto state = response_guard::state::more;
    while (state == response_guard::state::more) {
        if (attempt_.deadline.error()) co_return attempt_.deadline.error();
        // The waiter holds no buffer: most exchanges that are in flight wait here.
        if (!guard.started() || guard.spills()) into.release_writable();
        auto [waited] = co_await stream().async_wait_readable();
        if (!waited && guard.bytes_received() > yields_above) co_await fair_yield();
        if (attempt_.deadline.error()) co_return attempt_.deadline.error();
        if (waited) {
            guard.cut();
            co_return reason::upstream_incomplete;
        }
        bool has_buffer = !into.writable().empty() || guard.make_room();
        while (!has_buffer) {
            const response_guard::shortfall lacking = guard.lacking();
            error_code failed =
                co_await wait_for_buffer(*lacking.of, lacking.size, attempt_.deadline);
            if (failed) co_return failed;
            has_buffer = guard.make_room();
        }
        state = read_some(guard);
        if (state == response_guard::state::more) release_answered_payload(guard);
    }
    if (progress_.rejected) co_return reason::upstream_unreachable;
    if (state == response_guard::state::failed) co_return guard.why();
    co_return error_code{};
}

// A request that is being answered is not sent again. Its bytes may be the very ones that are
// missing for the reply: exchanges that fill the budget would wait for themselves.
void buffered_exchange::release_answered_payload(const response_guard& guard) {
    // It is held until it is known that the answer is no 408.
    const bool may_be_408 = may_repeat_ && (guard.status() == 0 || guard.status() == 408);
    const delivery_notes* const notes = request_access::notes(request_);
    if (!guard.started() || may_be_408 || (notes != nullptr && notes->keeps_payload)) return;
    request_.body() = payload(request_.body().budget());
    may_repeat_ = false;
}

response_guard::state buffered_exchange::read_some(response_guard& guard) {
    const std::span<std::byte> buffer = guard.buffer().writable();
    const auto got = stream().read_some(buffer.first(std::min(buffer.size(), quantum)));
    progress_.rejected = rejects_certificate(got, guard, attempt_.lease->reused());
    return take_read(guard, got, !progress_.cut);
}

} // namespace finpost::detail
