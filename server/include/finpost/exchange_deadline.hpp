#pragma once

#include "finpost/deadline.hpp"
#include "finpost/error.hpp"
#include "finpost/export.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

namespace finpost {

/// The time limit and the cancellation of one exchange. It covers at most one pending operation.
///
/// A stage says how long it may take (`arm`) and how its pending operation is cancelled
/// (`on_cancel`). When the limit passes, or when the gateway stops, the operation is cancelled and
/// `error()` tells why. There is no timer inside: the owner of the exchange reads `when()` and
/// calls `expire()`. A gateway does that for all of its sessions with one timer, its
/// `timer_source`.
///
/// Threads: everything but `when()` belongs to the exchange's executor.
/// Lifetime: a gateway's deadline is valid until the handler returns. It outlives every `on_cancel`
/// and `call_at`.
///
///     exchange_deadline::on_cancel cancel(deadline, [&socket] { socket.cancel(); });
///     if (deadline.error()) return deadline.error();   // ended before this operation
///     auto [ec, n] = co_await socket.async_read_some(...);
class exchange_deadline {
public:
    using clock = std::chrono::steady_clock;
    using duration = clock::duration;

    /// One timer for many deadlines. `next_check` says when it checks them next. A deadline that is
    /// due earlier calls `reschedule`.
    class FINPOST_EXPORT timer_source {
    public:
        virtual ~timer_source() = default;
        /// Checks at `when` at the latest. Called from any thread, several at once.
        virtual void reschedule(clock::time_point when) = 0;
        /// In ticks of `clock` since its epoch; the largest value while nothing is to be checked.
        std::atomic<duration::rep> next_check{duration::max().count()};
    };

    /// Without a timer nothing expires by itself: for handlers outside a gateway, and for tests.
    /// `timer` outlives it.
    explicit exchange_deadline(timer_source* timer = nullptr) noexcept : timer_(timer) {}
    exchange_deadline(const exchange_deadline&) = delete;
    exchange_deadline& operator=(const exchange_deadline&) = delete;

    /// A stage begins: from now on `idle` (since the last `progress`) and `total` limit it. Zero or
    /// less is no limit. When one passes, `error()` is `why`. An expiry of an earlier stage is
    /// forgotten, but never a `stop`.
    FINPOST_EXPORT void arm(duration idle, duration total, reason why);

    /// Something moved: the idle limit starts again.
    FINPOST_EXPORT void progress();

    /// No limit until the next `arm`.
    FINPOST_EXPORT void disarm() noexcept;

    /// Set when the stage's limit has passed or the exchange was stopped, and never a success then.
    error_code error() const noexcept { return error_; }

    /// When the nearest limit passes or a call is due (`call_at`); `time_point::max()` for neither.
    /// From any thread.
    clock::time_point when() const noexcept {
        return clock::time_point(duration(when_.load(std::memory_order_seq_cst)));
    }

    /// Ends the stage when its limit has passed at `now`. Makes the call that is due. For the owner
    /// of the exchange.
    FINPOST_EXPORT void expire(clock::time_point now);

    /// Ends this stage and every later one: `error()` stays `why`. A gateway stops with a `reason`,
    /// or with `connection_reset` when the client has gone and `on_client_reset` says `cancel`.
    FINPOST_EXPORT void stop(error_code why);

    /// Whether `stop` was called.
    bool stopped() const noexcept { return stopped_; }

    /// While it lives, `cancel` is called when the exchange is ended, on the exchange's executor.
    /// They nest: only the innermost is called. An exchange that had ended before calls nothing:
    /// look at `error()` first. `cancel` does not throw, and does not destroy this object.
    class on_cancel {
    public:
        on_cancel(exchange_deadline& deadline, std::function<void()> cancel)
            : deadline_(deadline), outer_(std::exchange(deadline.cancel_, std::move(cancel))) {}
        ~on_cancel() { deadline_.cancel_ = std::move(outer_); }
        on_cancel(const on_cancel&) = delete;
        on_cancel& operator=(const on_cancel&) = delete;

    private:
        exchange_deadline& deadline_;
        std::function<void()> outer_;
    };

    /// Calls `call` at `when`, once, if this object still lives then: for work that pays only in an
    /// exchange that takes long. Stages may begin and expire meanwhile. A `stop` drops the call.
    /// One at a time. `call` runs on the exchange's executor.
    class call_at {
    public:
        call_at(exchange_deadline& deadline, clock::time_point when, std::function<void()> call)
            : deadline_(deadline) {
            deadline.set_call(when, std::move(call));
        }
        ~call_at() { deadline_.set_call(clock::time_point::max(), nullptr); }
        call_at(const call_at&) = delete;
        call_at& operator=(const call_at&) = delete;

    private:
        exchange_deadline& deadline_;
    };

private:
    FINPOST_EXPORT void set_call(clock::time_point when, std::function<void()> call);
    duration::rep next() const noexcept;
    void reschedule();
    void end(error_code why);

    timer_source* timer_;
    deadline limit_;
    std::atomic<duration::rep> when_{duration::max().count()};
    reason on_expiry_ = reason::internal;
    bool stopped_ = false;
    error_code error_;
    std::function<void()> cancel_;
    clock::time_point call_at_ = clock::time_point::max();
    std::function<void()> call_;
};

} // namespace finpost
