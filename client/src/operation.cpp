#include "operation.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <exception>

#include <sys/socket.h>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// A time point counts nanoseconds: a limit of centuries would wrap around into the past.
std::chrono::steady_clock::time_point after(std::chrono::steady_clock::time_point from,
                                            duration limit) {
    constexpr duration longest = std::chrono::hours(24 * 365);
    return from + std::clamp(limit, duration::zero(), longest);
}

// As `parse_frame_spec` would have made it.
bool is_valid(const frame_spec& frame) {
    const auto same = parse_frame_spec(to_string(frame));
    return same && *same == frame;
}

// The source's callback as something to wait for.
asio::awaitable<std::tuple<error_code, std::size_t>> read_from(byte_source& source,
                                                               std::span<std::byte> room) {
    return asio::async_initiate<decltype(as_result), void(error_code, std::size_t)>(
        [](auto handler, byte_source* from, std::span<std::byte> into) {
            // A source may call back from any thread; the coroutine goes on where it belongs.
            auto kept = std::make_shared<decltype(handler)>(std::move(handler));
            from->read(into, [kept](error_code ec, std::size_t n) {
                asio::post(asio::get_associated_executor(*kept),
                           [kept, ec, n] { std::move (*kept)(ec, n); });
            });
        },
        as_result, &source, room);
}

} // namespace

operation::operation(const asio::strand<asio::any_io_executor>& strand, host_port target,
                     byte_source& payload, byte_sink* reply, client_options options,
                     std::shared_ptr<void> owned, exchange_handler handler,
                     std::shared_ptr<kept_connection> kept)
    : strand_(strand), target_(std::move(target)), payload_(payload), sink_(reply),
      options_(std::move(options)), owned_(std::move(owned)),
      end_(std::move(handler), strand.get_inner_executor()), kept_(std::move(kept)),
      socket_(strand_), resolver_(strand_), timer_(strand_), lookup_(strand_), began_(clock::now()),
      until_(after(began_, options_.total)), outgoing_(options_.frame, options_.allow_empty) {
    if (!reply_ends_with_fin(options_.frame)) framed_.emplace(options_.frame, options_.max_reply);
}

void operation::start() {
    end_.on_cancel([weak = weak_from_this()] {
        if (const auto alive = weak.lock()) alive->cancel();
    });
    // Posted: `co_spawn` would run up to the first wait, or to a completion, within the caller.
    asio::post(strand_, [self = shared_from_this()] {
        asio::co_spawn(self->strand_, self->run(self), [self](std::exception_ptr failed) {
            // Only memory can be short here: whoever waits is told all the same.
            if (failed) self->fail(asio::error::no_memory);
            if (failed) self->finish();
        });
    });
}

void operation::cancel() {
    asio::post(strand_,
               [self = shared_from_this()] { self->fail(asio::error::operation_aborted); });
}

asio::awaitable<void> operation::run(std::shared_ptr<operation> self) {
    check_options();
    if (!error_ && !options_.allow_empty) co_await begin(self);
    if (!error_) reuse();
    if (!error_ && !reused_) co_await resolve();
    if (!error_ && !reused_) co_await connect();
    if (!error_ && !reused_) co_await send_proxy_header();
    if (!error_ && !reused_) co_await secure();
    if (!error_) {
        result_.stage = exchange_stage::send;
        limit(until_);
        asio::co_spawn(strand_, send(self), [self](std::exception_ptr failed) {
            if (failed) self->fail(asio::error::no_memory);
        });
        co_await receive();
    }
    finish();
}

void operation::check_options() {
    if (options_.connect <= duration::zero() || options_.total <= duration::zero() ||
        !wrong_address(target_.host).empty() || !is_valid(options_.frame) || (kept_ && !framed_))
        return fail(make_error_code(boost::system::errc::invalid_argument));
    if (!kept_) return;
    if (kept_->busy) return fail(asio::error::in_progress);
    kept_->busy = holds_kept_ = true;
}

// Nothing is connected for nothing: a gateway would take it for a health check, and its silence
// reads like an empty answer. A source cannot be interrupted: it is waited for with a limit, and
// left alone after that.
asio::awaitable<void> operation::begin(std::shared_ptr<operation> self) {
    result_.stage = exchange_stage::payload;
    asio::co_spawn(strand_, read_first(self), [self](std::exception_ptr failed) {
        if (failed) self->fail(asio::error::no_memory);
    });
    if (!begun_) {
        lookup_.expires_at(until_);
        auto [ec] = co_await lookup_.async_wait(as_result);
        static_cast<void>(ec); // how it ended, the flags tell
    }
    if (error_) co_return;
    if (!begun_)
        fail(asio::error::timed_out);
    else if (outgoing_.empty())
        fail(reason::empty);
    result_.begun = since_start();
}

asio::awaitable<void> operation::read_first(std::shared_ptr<operation> /*self*/) {
    co_await read_block();
    if (ended_) co_return;
    begun_ = true;
    lookup_.cancel();
}

// Reads from the source until there is something to send, or its end.
asio::awaitable<void> operation::read_block() {
    outgoing_.consume();
    do {
        const std::span<std::byte> into = outgoing_.prepare();
        auto [failed, n] = co_await read_from(payload_, into);
        if (ended_) co_return;
        if (failed) co_return fail(failed);
        if (!outgoing_.commit(n)) {
            if (!error_) result_.detail = outgoing_.fault();
            co_return fail(make_error_code(boost::system::errc::invalid_argument));
        }
    } while (!outgoing_.ready());
}

asio::awaitable<void> operation::send(std::shared_ptr<operation> self) {
    if (!begun_) co_await read_first(self);
    for (;;) {
        if (ended_ || error_) co_return;
        std::span<const std::byte> rest = outgoing_.data();
        while (!rest.empty()) {
            const transfer put = stream_->write(rest);
            // Why the peer takes no more, the reading side finds out: a refusal, or a reset.
            if (put.error) co_return;
            rest = rest.subspan(put.size);
            result_.sent += put.size;
            if (put.wait_for == readiness::none) continue;
            auto [ec] = co_await socket_.async_wait(kind_of(put.wait_for), as_result);
            if (ended_ || ec) co_return;
        }
        if (!outgoing_.data().empty()) advanced();
        if (outgoing_.ended()) break;
        co_await read_block();
    }
    if (framed_)
        all_sent();
    else
        co_await half_close();
}

asio::awaitable<void> operation::half_close() {
    for (;;) {
        const transfer put = stream_->half_close();
        if (put.error) co_return;
        if (put.wait_for == readiness::none) break;
        auto [ec] = co_await socket_.async_wait(kind_of(put.wait_for), as_result);
        if (ended_ || ec) co_return;
    }
    all_sent();
}

// From here on a FIN of ours cuts nothing.
void operation::all_sent() {
    reset_on_close(false);
    sent_all_ = true;
    result_.half_closed = since_start();
    if (result_.stage == exchange_stage::send) result_.stage = exchange_stage::wait;
}

// Also what ends a pending operation: whoever waits looks at `error_` first.
void operation::fail(error_code ec) {
    if (ended_ || error_) return;
    error_ = ec;
    error_code ignored;
    socket_.cancel(ignored);
    lookup_.cancel();
}

// For what the stream knows more about than the code says.
void operation::fail_with_detail(error_code ec) {
    if (!error_) result_.detail = stream_->failure();
    fail(ec);
}

void operation::limit(clock::time_point until) {
    expired_ = false;
    timer_.expires_at(until); // cancels the wait for an earlier limit
    timer_.async_wait([weak = weak_from_this(), number = ++limits_](error_code ec) {
        const auto self = weak.lock();
        if (!self || ec || self->ended_ || number != self->limits_) return;
        self->expired_ = true;
        error_code ignored;
        self->socket_.cancel(ignored);
    });
}

// Cut short, a payload must not look complete to the peer: until the half-close, whatever closes
// the socket resets the connection, also the kernel when the process is killed. Not through Asio,
// whose destructors take its linger option back and would send the FIN.
void operation::reset_on_close(bool on) {
    const linger option{on ? 1 : 0, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

void operation::finish() {
    if (ended_) return;
    ended_ = true;
    result_.ended = since_start();
    // What was held back in case it is a refusal. Of a frame that was cut it says nothing.
    if (error_ && !result_.refused && !passing_ && !framed_) result_.reply = std::move(first_);
    timer_.cancel();
    resolver_.cancel();
    if (holds_kept_) keep();
    error_code ignored;
    socket_.close(ignored);
    using end_type = decltype(end_);
    end_type::complete({shared_from_this(), &end_}, error_, std::move(result_));
}

void operation::advanced() const {
    if (options_.progress) options_.progress(result_.sent, result_.received);
}

std::chrono::microseconds operation::since_start() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - began_);
}

} // namespace finpost::detail
