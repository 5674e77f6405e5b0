#include "session/client_stream.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/min_rate.hpp"
#include "session/payload_input.hpp"
#include "single_writer_counter.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// So much is moved without a pause: both directions, and all sessions of a thread, take turns.
constexpr std::size_t stream_quantum = 256 << 10;
// Of the reply's encoding at once.
constexpr std::size_t text_size = 16 << 10;

} // namespace

client_stream::client_stream(client_socket& socket, payload_input& input,
                             single_writer_counter& received, single_writer_counter& written,
                             const gateway_config& config, exchange_deadline& deadline,
                             beginning start)
    : socket_(socket), input_(input), received_(received), written_(written), config_(config),
      deadline_(deadline), ticket_(start.ticket), collects_(start.collects),
      so_far_(std::move(start.so_far)), decoder_(config), held_(so_far_.budget()),
      encoder_(config.encode), text_(so_far_.budget()), began_(start.began),
      ended_(std::move(start.ended)), not_read_since_(clock::now()), not_read_(start.paused),
      guard_(deadline, [this] { expired(); }) {
    if (deadline_.stopped()) failed_ = deadline_.error();
    receive_ = {began_ + config_.receive_total, reason::receive_timeout};
}

asio::awaitable<result<std::size_t>> client_stream::read(std::span<std::byte> buffer) {
    std::size_t got = 0;
    if (ticket_ != nullptr)
        std::exchange(ticket_, nullptr)->leave(); // whoever reads has the memory for it
    while (!failed_ && !stopped_ && !complete_ && got == 0) {
        const bool certain = ready_ > 0;
        auto some = certain ? give_back(buffer) : take(buffer);
        if (some.has_value() && !certain) some = decode(buffer.first(*some));
        if (some.has_value())
            got = *some;
        else if (some.error() == asio::error::would_block)
            co_await wait_for_input();
        else
            taken(some.error());
    }
    if (failed_) co_return failed_;
    if (stopped_ && got == 0) co_return error_code(asio::error::operation_aborted);
    given_ += got;
    if (got > 0) co_await let_others_in(got);
    co_return got;
}

// Decodes and trims in place; how much of it the handler may have now.
result<std::size_t> client_stream::decode(std::span<std::byte> fresh) {
    const auto decoded = decoder_.decode(fresh);
    if (decoded.has_error() || decoder_.left_to_trim() == trimming::none) return decoded;
    return hold_end(fresh.first(*decoded));
}

// Keeps back what may be the end that is trimmed; how much of `fresh` is certain, or 0 when all
// that is waits in `held_` for its turn.
result<std::size_t> client_stream::hold_end(std::span<std::byte> fresh) {
    const std::size_t certain = trimmed_size(fresh, decoder_.left_to_trim());
    const std::size_t kept = held_.size();
    if (certain > 0 && kept == 0 && certain == fresh.size()) return certain;
    const auto end = kept == 0 ? fresh.subspan(certain) : std::span<const std::byte>(fresh);
    if (!held_.append(end)) return make_error_code(reason::busy);
    if (kept == 0) return certain;
    if (certain > 0) ready_ = kept + certain;
    return std::size_t{0};
}

result<std::size_t> client_stream::give_back(std::span<std::byte> buffer) {
    const std::size_t n = std::min(ready_, buffer.size());
    std::memcpy(buffer.data(), held_.data(), n);
    held_.remove_prefix(n);
    ready_ -= n;
    if (held_.empty()) held_ = payload(held_.budget());
    return n;
}

// What has come before the stream began goes first.
result<std::size_t> client_stream::take(std::span<std::byte> buffer) {
    if (!so_far_.empty()) {
        const std::size_t n = std::min(so_far_.size(), buffer.size());
        std::memcpy(buffer.data(), so_far_.data(), n);
        so_far_.remove_prefix(n);
        if (so_far_.empty()) so_far_ = payload(so_far_.budget());
        return n;
    }
    const std::uint64_t allowed = config_.max_payload + 1 - received_.value();
    const auto got = input_.read_some(
        buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), allowed))));
    if (got.has_error()) return got;
    received_.add(*got);
    if (received_.value() > config_.max_payload) return make_error_code(reason::too_large);
    return got;
}

// The client's end, or what became of it.
void client_stream::taken(error_code ended) {
    if (ended == asio::error::eof) ended = judge_end();
    if (ended) return fail(ended);
    complete_ = true;
    receive_ = {};
    ended_();
    arm();
}

error_code client_stream::judge_end() {
    if (arrives_plain(config_)) return {};
    const error_code failed = decoder_.finish();
    if (failed) return failed;
    return given_ == 0 ? make_error_code(reason::empty) : error_code();
}

asio::awaitable<void> client_stream::wait_for_input() {
    const auto began = clock::now();
    not_read_ += began - not_read_since_;
    const due total = receive_;
    receive_ = receive_limit(began);
    arm();
    if (!failed_) {
        auto [ec] = co_await socket_.async_wait_readable();
        if (ec && !failed_ && !stopped_) fail(ec);
    }
    not_read_since_ = clock::now();
    receive_ = stopped_ ? due{} : total;
}

client_stream::due client_stream::receive_limit(clock::time_point now) const {
    due nearest{began_ + config_.receive_total, reason::receive_timeout};
    nearest.when = std::min(nearest.when, now + config_.receive_idle);
    const auto slow = began_ + not_read_ + slow_after(received_.value(), config_.min_rate);
    if (slow < nearest.when) nearest = {slow, reason::too_slow};
    return nearest;
}

void client_stream::stop_reading() noexcept {
    stopped_ = true;
    receive_ = {};
    socket_.cancel();
}

asio::awaitable<error_code> client_stream::write(std::span<const std::byte> data) {
    if (collects_ != nullptr) return collect(data);
    if (is_plain(config_.encode)) return write_bytes(data);
    return write_encoded(data);
}

// What has begun waits for no memory: in a shortage of it the reply goes to its file.
asio::awaitable<error_code> client_stream::collect(std::span<const std::byte> data) {
    if (failed_) co_return failed_;
    const error_code full = collects_->write(data);
    if (full) fail(full);
    co_await let_others_in(data.size());
    co_return failed_;
}

asio::awaitable<error_code> client_stream::write_encoded(std::span<const std::byte> data) {
    // What has begun waits for no memory, for it holds some that others wait for: in a shortage
    // this is uncounted.
    if (!data.empty() && text_.writable().empty() && !text_.reserve(text_size)) {
        text_ = payload();
        text_.reserve(text_size);
    }
    while (!failed_ && !data.empty()) {
        const std::size_t size = encoder_.encode(data, text_.writable());
        const std::span<const std::byte> text(text_.writable().first(size));
        co_await write_bytes(text);
    }
    co_return failed_;
}

// What the last bytes of the reply leave over.
asio::awaitable<error_code> client_stream::end_encoded() {
    std::array<std::byte, payload_encoder::max_end> end{};
    const std::size_t size = encoder_.finish(end);
    const std::span<const std::byte> text(end.data(), size);
    error_code failed = co_await write_bytes(text);
    co_return failed;
}

asio::awaitable<error_code> client_stream::write_bytes(std::span<const std::byte> data) {
    std::size_t at = 0;
    while (at < data.size()) {
        if (failed_) co_return failed_;
        if (gone_) {
            co_await let_others_in(data.size() - at);
            co_return error_code{};
        }
        const auto sent = socket_.write_some(data.subspan(at));
        if (sent.has_value()) {
            at += *sent;
            written_.add(*sent);
            co_await let_others_in(*sent);
        } else if (sent.error() == asio::error::would_block) {
            co_await wait_for_client();
        } else if (complete_ && config_.on_client_reset == client_reset_policy::finish) {
            gone_ = true;
        } else {
            fail(sent.error());
        }
    }
    co_return failed_;
}

asio::awaitable<void> client_stream::wait_for_client() {
    not_taken_since_ = clock::now();
    reply_ = reply_limit(not_taken_since_);
    arm();
    if (!failed_) {
        auto [ec] = co_await socket_.async_wait_writable();
        static_cast<void>(ec); // the next write says it, and `stop_reading` is no error here
    }
    not_taken_ += clock::now() - not_taken_since_;
    reply_ = {};
    arm();
}

client_stream::due client_stream::reply_limit(clock::time_point now) const {
    const auto from = not_taken_since_ - not_taken_;
    due nearest{from + config_.reply_total, reason::receive_timeout};
    // What waits in this kernel nobody has taken.
    const std::size_t taken =
        written_.value() - std::min(written_.value(), socket_.unacknowledged());
    const auto slow = from + slow_after(taken, config_.min_rate);
    if (slow > now)
        nearest.when = std::min(nearest.when, std::max(slow, now + shortest_look));
    else
        nearest = {now, reason::too_slow};
    return nearest;
}

asio::awaitable<error_code> client_stream::finish(std::span<const std::byte> last) {
    error_code failed = co_await write(last);
    if (collects_ != nullptr) co_return failed;
    if (!failed && !is_plain(config_.encode)) failed = co_await end_encoded();
    while (!failed && !gone_) {
        failed = socket_.finish();
        if (failed != asio::error::would_block) break;
        co_await wait_for_client();
        failed = failed_;
    }
    if (failed && !gone_) fail(failed);
    co_return failed;
}

asio::awaitable<void> client_stream::let_others_in(std::size_t moved) {
    moved_ += moved;
    if (moved_ >= stream_quantum) {
        moved_ = 0;
        co_await fair_yield();
    }
}

void client_stream::limit(time_point until, reason why) {
    handler_ = {until, why};
    arm();
}

// The nearest of all limits is the exchange_deadline's.
void client_stream::arm() {
    if (deadline_.stopped() && !failed_) return fail(deadline_.error());
    if (failed_) return;
    due nearest = receive_;
    for (const due& limit : {reply_, handler_})
        if (limit.when < nearest.when) nearest = limit;
    if (nearest.when == clock::time_point::max()) return deadline_.disarm();
    const auto left = std::max(nearest.when - clock::now(), clock::duration(1));
    deadline_.arm(exchange_deadline::duration::zero(), left, nearest.why);
}

void client_stream::expired() {
    if (deadline_.stopped()) return fail(deadline_.error());
    const auto now = clock::now();
    // The client may have read since it was waited for: only now is it judged.
    if (reply_.when <= now) reply_ = reply_limit(now);
    reply_late_ = reply_.when <= now;
    for (const due& limit : {reply_, receive_, handler_})
        if (limit.when <= now) return fail(limit.why);
    arm(); // what it was is over
}

void client_stream::fail(error_code why) {
    if (failed_) return;
    failed_ = why;
    deadline_.disarm();
    socket_.cancel();
    if (cancel_) cancel_();
}

} // namespace finpost::detail
