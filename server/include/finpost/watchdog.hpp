#pragma once

#include "finpost/deadline.hpp"
#include "finpost/error.hpp"
#include "finpost/export.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

namespace finpost {

/// The time limit and the cancellation of one exchange: at most one pending operation is watched.
///
/// A stage says how long it may take (`watch`) and how its pending operation is cancelled
/// (`guard`). When the limit passes, or the gateway stops, the operation is cancelled and `error()`
/// tells why. There is no timer inside: who owns the exchange looks at `when()` and calls
/// `expire()`; a gateway does that for all of its sessions with one timer, its `alarm`.
///
/// Everything but `when()` belongs to the exchange's executor (its strand).
///
///     watchdog::guard cancel(dog, [&socket] { socket.cancel(); });
///     if (dog.error()) return dog.error();   // ended before this operation
///     auto [ec, n] = co_await socket.async_read_some(...);
class watchdog {
public:
    using clock = std::chrono::steady_clock;
    using span = clock::duration;

    /// What looks at many watchdogs with one timer. It tells when it looks next, so that a watchdog
    /// which is due earlier can say so.
    class FINPOST_EXPORT alarm {
    public:
        virtual ~alarm() = default;
        /// From any thread.
        virtual void look_earlier(clock::time_point when) = 0;
        std::atomic<span::rep> next_look{span::max().count()};
    };

    /// Without an alarm nothing expires by itself: for handlers outside a gateway, and for tests.
    explicit watchdog(alarm* looks = nullptr) noexcept : alarm_(looks) {}
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;

    /// A stage begins: from now on `idle` (since the last `progress`) and `total` limit it, zero
    /// meaning no limit. When one passes, `error()` is `why`. Forgets an expiry, but never a
    /// `stop`.
    FINPOST_EXPORT void watch(span idle, span total, reason why);

    /// Something moved: the idle limit starts again.
    FINPOST_EXPORT void progress();

    /// No limit until the next `watch`.
    FINPOST_EXPORT void rest() noexcept;

    /// Set when the stage's limit has passed or the exchange was stopped, and never a success then.
    error_code error() const noexcept { return error_; }

    /// When the nearest limit passes or the reminder is due; `time_point::max()` when neither is
    /// there. From any thread.
    clock::time_point when() const noexcept {
        return clock::time_point(span(when_.load(std::memory_order_seq_cst)));
    }

    /// Ends the stage when its limit has passed at `now`, and has a reminder called when it is due.
    FINPOST_EXPORT void expire(clock::time_point now);

    /// Ends this stage and every later one: `error()` stays `why`.
    FINPOST_EXPORT void stop(reason why);

    /// Whether `stop` was called.
    bool stopped() const noexcept { return stopped_; }

    /// Names, while it lives, what cancels the pending operation. Guards nest: the innermost is
    /// called.
    class guard {
    public:
        guard(watchdog& dog, std::function<void()> cancel)
            : dog_(dog), outer_(std::exchange(dog.cancel_, std::move(cancel))) {}
        ~guard() { dog_.cancel_ = std::move(outer_); }
        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;

    private:
        watchdog& dog_;
        std::function<void()> outer_;
    };

    /// Has something done at `when`, once, should this still live then: for what is worth its cost
    /// only in an exchange that takes long. Stages may begin and expire meanwhile; a `stop` forgets
    /// it. One at a time. `call` runs on the exchange's executor.
    class reminder {
    public:
        reminder(watchdog& dog, clock::time_point when, std::function<void()> call) : dog_(dog) {
            dog.remind(when, std::move(call));
        }
        ~reminder() { dog_.remind(clock::time_point::max(), nullptr); }
        reminder(const reminder&) = delete;
        reminder& operator=(const reminder&) = delete;

    private:
        watchdog& dog_;
    };

private:
    FINPOST_EXPORT void remind(clock::time_point when, std::function<void()> call);
    span::rep next() const noexcept;
    void tell_alarm();
    void end(error_code why);

    alarm* alarm_;
    deadline limit_;
    std::atomic<span::rep> when_{span::max().count()};
    reason on_expiry_ = reason::internal;
    bool stopped_ = false;
    error_code error_;
    std::function<void()> cancel_;
    clock::time_point remind_at_ = clock::time_point::max();
    std::function<void()> remind_;
};

} // namespace finpost
