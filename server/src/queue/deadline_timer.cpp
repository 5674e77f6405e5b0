#include "queue/deadline_timer.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using clock_type = exchange_deadline::clock;

constexpr std::chrono::milliseconds without_memory{100};

} // namespace

deadline_timer::deadline_timer(asio::any_io_executor sequence) : sequence_(std::move(sequence)) {}

deadline_timer::entry::entry(std::shared_ptr<deadline_timer> timer)
    : timer_(std::move(timer)), deadline_(timer_.get()) {
    if (!timer_->alarm_) {
        const std::weak_ptr<deadline_timer> weak = timer_;
        timer_->alarm_ = std::make_unique<alarm_clock>(timer_->sequence_, [weak] {
            if (const auto self = weak.lock()) self->ring();
        });
    }
    at_ = timer_->all_.insert(timer_->all_.end(), &deadline_);
}

deadline_timer::entry::~entry() {
    timer_->all_.erase(at_);
    if (!timer_->all_.empty()) return;
    timer_->next_check = exchange_deadline::duration::max().count();
    timer_->alarm_->clear();
}

void deadline_timer::stop_all(error_code why) {
    // What is told may end, and take itself from the list.
    for (auto at = all_.begin(); at != all_.end();) {
        exchange_deadline* const deadline = *at++;
        deadline->stop(why);
    }
}

void deadline_timer::reschedule(clock_type::time_point when) {
    auto ticks = when.time_since_epoch().count();
    auto before = next_check.load();
    while (ticks < before && !next_check.compare_exchange_weak(before, ticks)) {
    }
    alarm_->set_earlier(when);
}

// Not in the sequence.
void deadline_timer::ring() noexcept {
    try {
        asio::post(sequence_, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->check();
        });
    } catch (const std::bad_alloc&) {
        alarm_->set(clock_type::now() + without_memory);
    }
}

void deadline_timer::check() {
    next_check = exchange_deadline::duration::max().count();
    const auto now = clock_type::now();
    for (auto at = all_.begin(); at != all_.end();) {
        exchange_deadline* const deadline = *at++;
        deadline->expire(now);
    }
    auto next = clock_type::time_point::max();
    for (const exchange_deadline* const each : all_) next = std::min(next, each->when());
    if (next != clock_type::time_point::max()) reschedule(next);
}

} // namespace finpost::detail
