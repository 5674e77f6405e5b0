#include "finpost/exchange_deadline.hpp"

#include <algorithm>

namespace finpost {

void exchange_deadline::arm(duration idle, duration total, reason why) {
    limit_ = deadline(clock::now(), idle, total);
    on_expiry_ = why;
    if (stopped_) return;
    error_ = {};
    reschedule();
}

void exchange_deadline::progress() {
    limit_.progress(clock::now());
    // Only ever later: the timer need not know.
    when_.store(next(), std::memory_order_relaxed);
}

void exchange_deadline::disarm() noexcept {
    limit_ = {};
    when_.store(next(), std::memory_order_relaxed);
}

void exchange_deadline::set_call(clock::time_point when, std::function<void()> call) {
    const bool earlier = when < call_at_ && !stopped_;
    call_at_ = stopped_ ? clock::time_point::max() : when;
    call_ = std::move(call);
    if (earlier)
        reschedule();
    else
        when_.store(next(), std::memory_order_relaxed);
}

void exchange_deadline::expire(clock::time_point now) {
    if (call_at_ <= now) {
        call_at_ = clock::time_point::max();
        if (const auto call = std::exchange(call_, nullptr)) call(); // does not throw
    }
    if (!error_ && limit_.due(now)) return end(on_expiry_);
    // Something moved between the timer's check and this call, or there is another time to wait
    // for. The timer took the first time as passed and does not wait for it any more: it has to be
    // told.
    reschedule();
}

void exchange_deadline::stop(error_code why) {
    if (stopped_) return;
    stopped_ = true;
    call_at_ = clock::time_point::max();
    call_ = nullptr;
    end(why);
}

exchange_deadline::duration::rep exchange_deadline::next() const noexcept {
    return std::min(limit_.when(), call_at_).time_since_epoch().count();
}

void exchange_deadline::reschedule() {
    const auto when = next();
    // Sequentially consistent with the timer's check: it clears `next_check` before it reads
    // `when_`, so either it sees this limit or this sees that it must be told.
    when_.store(when, std::memory_order_seq_cst);
    if (timer_ != nullptr && when < timer_->next_check.load(std::memory_order_seq_cst))
        timer_->reschedule(clock::time_point(duration(when)));
}

void exchange_deadline::end(error_code why) {
    disarm();
    error_ = why;
    if (cancel_) cancel_();
}

} // namespace finpost
