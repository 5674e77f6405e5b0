#include "operation.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>

#include <sys/socket.h>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t block = 64 << 10;
constexpr std::size_t longest_refusal = 128;
constexpr unsigned reads_in_a_row = 8;

transfer timed_out() {
    transfer out;
    out.error = asio::error::timed_out;
    return out;
}

// A time point counts nanoseconds: a limit of centuries would wrap around into the past.
std::chrono::steady_clock::time_point after(std::chrono::steady_clock::time_point from,
                                            duration limit) {
    constexpr duration longest = std::chrono::hours(24 * 365);
    return from + std::clamp(limit, duration::zero(), longest);
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

operation::operation(const asio::any_io_executor& executor, host_port target, byte_source& payload,
                     byte_sink* reply, client_options options, std::shared_ptr<void> owned,
                     exchange_handler done)
    : strand_(asio::make_strand(executor)), target_(std::move(target)), payload_(payload),
      sink_(reply), options_(std::move(options)), owned_(std::move(owned)), done_(std::move(done)),
      socket_(strand_), resolver_(strand_), timer_(strand_), lookup_(strand_), began_(clock::now()),
      until_(after(began_, options_.total)) {}

void operation::start() {
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
    if (options_.connect <= duration::zero() || options_.total <= duration::zero() ||
        !wrong_address(target_.host).empty())
        fail(make_error_code(boost::system::errc::invalid_argument));
    if (!error_ && !options_.allow_empty) co_await begin(self);
    if (!error_) co_await resolve();
    if (!error_) co_await connect();
    if (!error_) co_await send_proxy_header();
    if (!error_) co_await secure();
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
    else if (in_room_ == 0)
        fail(reason::empty);
    result_.begun = since_start();
}

asio::awaitable<void> operation::read_first(std::shared_ptr<operation> /*self*/) {
    room_.resize(block);
    auto [failed, n] = co_await read_from(payload_, room_);
    if (ended_) co_return;
    in_room_ = n;
    begun_ = true;
    if (failed) fail(failed);
    lookup_.cancel();
}

asio::awaitable<void> operation::send(std::shared_ptr<operation> self) {
    if (!begun_) co_await read_first(self);
    if (ended_ || error_) co_return;
    while (in_room_ > 0) {
        std::span<const std::byte> rest = std::span(room_).first(in_room_);
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
        advanced();
        auto [failed, n] = co_await read_from(payload_, room_);
        if (ended_) co_return;
        in_room_ = n;
        if (failed) {
            fail(failed);
            co_return;
        }
    }
    for (;;) {
        const transfer put = stream_->half_close();
        if (put.error) co_return;
        if (put.wait_for == readiness::none) break;
        auto [ec] = co_await socket_.async_wait(kind_of(put.wait_for), as_result);
        if (ended_ || ec) co_return;
    }
    reset_on_close(false);
    sent_all_ = true;
    result_.half_closed = since_start();
    if (result_.stage == exchange_stage::send) result_.stage = exchange_stage::wait;
}

asio::awaitable<void> operation::receive() {
    std::vector<std::byte> room(block);
    for (unsigned turn = 1;; ++turn) {
        if (error_) co_return;
        transfer got = stream_->read(room);
        if (expired_) got = timed_out();
        if (got.ended) co_return reply_ended();
        if (got.error) {
            // A refusal may be followed by a reset, when the peer does not read what we still send.
            const bool whole = !passing_ && parse_refusal(first_);
            co_return whole ? reply_ended() : fail_with_detail(got.error);
        }
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
        if (const error_code full = take(std::span(room).first(n))) co_return fail(full);
        // However fast the reply comes, the payload, the limits and a cancellation have their turn.
        if (turn % reads_in_a_row == 0) co_await asio::post(strand_, asio::use_awaitable);
    }
}

error_code operation::take(std::span<const std::byte> data) {
    if (options_.max_reply > 0 && result_.received > options_.max_reply)
        return asio::error::message_size;
    if (passing_) return pass_on(data);
    first_.append(reinterpret_cast<const char*>(data.data()), data.size());
    if (first_.size() <= longest_refusal) return {};
    passing_ = true;
    const std::string held = std::move(first_);
    return pass_on(std::as_bytes(std::span(held)));
}

error_code operation::pass_on(std::span<const std::byte> data) {
    if (sink_ != nullptr) return sink_->write(data);
    result_.reply.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
}

void operation::reply_ended() {
    if (!passing_) {
        if (auto refused = parse_refusal(first_)) {
            result_.refused = refused->why;
            result_.request_id = std::move(refused->request_id);
            return fail(refused->why);
        }
        const error_code failed = pass_on(std::as_bytes(std::span(first_)));
        if (failed) return fail(failed);
    }
    if (!sent_all_) return fail(asio::error::broken_pipe);
    result_.stage = exchange_stage::done;
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
    timer_.cancel();
    resolver_.cancel();
    error_code ignored;
    socket_.close(ignored);
    std::exchange(done_, nullptr)(error_, std::move(result_));
}

void operation::advanced() const {
    if (options_.progress) options_.progress(result_.sent, result_.received);
}

std::chrono::microseconds operation::since_start() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - began_);
}

} // namespace finpost::detail
