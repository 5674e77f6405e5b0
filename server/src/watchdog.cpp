#include "finpost/watchdog.hpp"

#include <algorithm>

namespace finpost {

void watchdog::watch(span idle, span total, reason why) {
    limit_ = deadline(clock::now(), idle, total);
    on_expiry_ = why;
    if (stopped_) return;
    error_ = {};
    tell_alarm();
}

void watchdog::progress() {
    limit_.progress(clock::now());
    // Only ever later: the alarm need not know.
    when_.store(next(), std::memory_order_relaxed);
}

void watchdog::rest() noexcept {
    limit_ = {};
    when_.store(next(), std::memory_order_relaxed);
}

void watchdog::remind(clock::time_point when, std::function<void()> call) {
    const bool earlier = when < remind_at_ && !stopped_;
    remind_at_ = stopped_ ? clock::time_point::max() : when;
    remind_ = std::move(call);
    if (earlier)
        tell_alarm();
    else
        when_.store(next(), std::memory_order_relaxed);
}

void watchdog::expire(clock::time_point now) {
    if (remind_at_ <= now) {
        remind_at_ = clock::time_point::max();
        if (const auto call = std::exchange(remind_, nullptr)) call(); // does not throw
    }
    if (!error_ && limit_.due(now)) return end(on_expiry_);
    // Something moved between the alarm's look and this call, or there is another time to wait for.
    // The alarm took the first for passed and does not look for it any more: without a word it
    // would never come back.
    tell_alarm();
}

void watchdog::stop(reason why) {
    if (stopped_) return;
    stopped_ = true;
    remind_at_ = clock::time_point::max();
    remind_ = nullptr;
    end(why);
}

watchdog::span::rep watchdog::next() const noexcept {
    return std::min(limit_.when(), remind_at_).time_since_epoch().count();
}

void watchdog::tell_alarm() {
    const auto when = next();
    // Sequentially consistent with the alarm's look: it clears `next_look` before it reads `when_`,
    // so either it sees this limit or this sees that it must be told.
    when_.store(when, std::memory_order_seq_cst);
    if (alarm_ != nullptr && when < alarm_->next_look.load(std::memory_order_seq_cst))
        alarm_->look_earlier(clock::time_point(span(when)));
}

void watchdog::end(error_code why) {
    rest();
    error_ = why;
    if (cancel_) cancel_();
}

} // namespace finpost
