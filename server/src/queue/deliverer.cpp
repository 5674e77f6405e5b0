#include "queue/deliverer.hpp"

#include "async/report_bug.hpp"
#include "async/use_tuple_awaitable.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

// After a store or a system that has failed.
constexpr milliseconds after_failure{1'000};
// Others put payloads here of which this one is not told: handlers of before a reload, a wake for
// which there was no memory.
constexpr milliseconds longest_unasked{1'000};

delivery_rules rules_of(const delivery_config& config) {
    delivery_rules rules;
    rules.retry_first = config.retry_first;
    rules.retry_most = config.retry_most;
    rules.retry_for = config.retry_for;
    return rules;
}

delivery_circuit::limits limits_of(const delivery_config& config) {
    delivery_circuit::limits limits;
    limits.deliveries = config.deliveries;
    return limits;
}

} // namespace

deliverer::deliverer(asio::any_io_executor sequence, std::shared_ptr<queue_store> store,
                     handler forward, all_down down, const delivery_config& config,
                     milliseconds lease, metrics& counters, logger log)
    : sequence_(std::move(sequence)), store_(std::move(store)), forward_(std::move(forward)),
      down_(std::move(down)), upstream_(config.upstream), owner_(request_id::generate().text()),
      lease_(lease), schedule_(rules_of(config)), counters_(counters), log_(std::move(log)),
      timer_(std::make_shared<deadline_timer>(sequence_)), circuit_(limits_of(config)),
      pause_(sequence_) {}

void deliverer::start() {
    if (!again_) {
        const std::weak_ptr<deliverer> weak = weak_from_this();
        again_ = std::make_unique<alarm_clock>(sequence_, [weak] {
            if (const auto self = weak.lock()) self->start();
        });
    }
    if (stopping_ || running_.exchange(true)) return;
    try {
        at_end end(shared_from_this(), &deliverer::loop_ended);
        asio::co_spawn(sequence_, run(std::move(end)), report_bug);
    } catch (const std::bad_alloc&) {
        // It has ended, and said so.
    }
}

// For want of memory, unless it was asked to.
void deliverer::loop_ended() noexcept {
    running_ = false;
    if (stopping_)
        tell_drained();
    else
        again_->set(alarm_clock::clock::now() + after_failure);
}

void deliverer::wake() noexcept {
    if (wake_posted_.exchange(true)) return;
    try {
        asio::post(sequence_, [self = shared_from_this()] {
            self->wake_posted_ = false;
            self->woken_ = true;
            self->pause_.cancel();
        });
    } catch (const std::bad_alloc&) {
        wake_posted_ = false; // it looks again by itself
    }
}

void deliverer::drain(std::function<void()> drained) {
    stopping_ = true;
    drained_ = std::move(drained);
    woken_ = true;
    pause_.cancel();
    tell_drained();
}

void deliverer::cancel() {
    stopping_ = true;
    woken_ = true;
    pause_.cancel();
    timer_->stop_all(reason::draining);
}

void deliverer::stop() noexcept {
    stopping_ = true;
    try {
        asio::post(sequence_, [self = shared_from_this()] { self->cancel(); });
    } catch (const std::bad_alloc&) {
        // What is under way ends by its own limits, and nothing follows.
    }
}

asio::awaitable<void> deliverer::run(at_end /*end*/) {
    try {
        while (!stopping_) co_await step();
    } catch (const std::bad_alloc&) {
        // It begins anew a little later.
    }
}

void deliverer::tell_drained() noexcept {
    if (stopping_ && !running_ && under_way_ == 0 && drained_) std::exchange(drained_, {})();
}

// Claims what is due, or waits until something may be.
asio::awaitable<void> deliverer::step() {
    const auto now = clock::now();
    const std::size_t free = circuit_.free(now, under_way_);
    if (free == 0) {
        // A delivery that ends wakes this as well.
        const auto probe = circuit_.probe_at();
        auto when = clock::time_point::max();
        if (probe && under_way_ == 0) when = *probe;
        co_await sleep_until(when);
        co_return;
    }
    auto [ec, claimed] =
        co_await store_->async_claim(free, lease_, owner_, upstream_, use_shared_tuple_awaitable);
    if (ec) {
        if (!std::exchange(failing_, true))
            log_(log_level::error, "queue not read",
                 {{"upstream", upstream_}, {"what", ec.message()}});
        co_await sleep_until(clock::now() + after_failure);
        co_return;
    }
    failing_ = false;
    const bool more = claimed.payloads.size() == free;
    for (stored_payload& one : claimed.payloads) begin(std::move(one));
    if (more) co_return;
    const milliseconds pause =
        std::min(claimed.next_due.value_or(longest_unasked), longest_unasked);
    co_await sleep_until(clock::now() + pause);
}

asio::awaitable<void> deliverer::sleep_until(clock::time_point when) {
    if (!std::exchange(woken_, false) && !stopping_) {
        pause_.expires_at(when);
        auto [ec] = co_await pause_.async_wait(use_shared_tuple_awaitable);
        static_cast<void>(ec); // over, or woken
        woken_ = false;
    }
}

// One that cannot begin for want of memory has a lease, which runs out.
void deliverer::begin(stored_payload what) {
    auto held = std::make_unique<stored_payload>(std::move(what));
    ++under_way_;
    at_end end(shared_from_this(), &deliverer::delivery_ended);
    asio::co_spawn(sequence_, deliver(std::move(end), std::move(held)), report_bug);
}

void deliverer::delivery_ended() noexcept {
    --under_way_;
    woken_ = true;
    pause_.cancel();
    tell_drained();
}

asio::awaitable<void> deliverer::deliver(at_end /*end*/, std::unique_ptr<stored_payload> what) {
    try {
        delivery_result result = co_await attempt(what->entry, std::move(what->body));
        co_await settle(*what, result);
    } catch (const std::bad_alloc&) {
        // Nobody could note what came of it: its lease runs out.
    }
}

} // namespace finpost::detail
