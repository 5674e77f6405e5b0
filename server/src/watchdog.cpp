#include "finpost/watchdog.hpp"

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
    when_.store(limit_.when().time_since_epoch().count(), std::memory_order_relaxed);
}

void watchdog::rest() noexcept {
    limit_ = {};
    when_.store(span::max().count(), std::memory_order_relaxed);
}

void watchdog::expire(clock::time_point now) {
    if (error_) return;
    if (limit_.due(now)) return end(on_expiry_);
    // Something moved between the alarm's look and this call. The alarm took the limit for passed and
    // does not look for it any more: without a word it would never come back.
    tell_alarm();
}

void watchdog::stop(reason why) {
    if (stopped_) return;
    stopped_ = true;
    end(why);
}

void watchdog::tell_alarm() {
    const auto when = limit_.when().time_since_epoch().count();
    // Sequentially consistent with the alarm's look: it clears `next_look` before it reads `when_`, so
    // either it sees this limit or this sees that it must be told.
    when_.store(when, std::memory_order_seq_cst);
    if (alarm_ != nullptr && when < alarm_->next_look.load(std::memory_order_seq_cst))
        alarm_->look_earlier(limit_.when());
}

void watchdog::end(error_code why) {
    rest();
    error_ = why;
    if (cancel_) cancel_();
}

} // namespace finpost
