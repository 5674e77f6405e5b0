#include "queue/deliverer.hpp"

#include "async/use_tuple_awaitable.hpp"
#include "queue/retry_after.hpp"
#include "random.hpp"
#include "request_access.hpp"
#include "upstream/delivery_notes.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <span>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
// After a store or a system that has failed.
constexpr milliseconds after_failure{1'000};

double by_chance() noexcept {
    return static_cast<double>(random_bits() >> 11) / static_cast<double>(1ull << 53);
}

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

// In one line, and without what a terminal would obey.
std::string one_line(std::string_view text) {
    std::string line(text);
    std::replace_if(
        line.begin(), line.end(),
        [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
    return line;
}

// What a reply says about its attempt. A body that is too large is no failure: the status was
// given, and nobody reads the body.
delivery_result result_of(const reply& reply, const delivery_notes& notes) {
    delivery_result result;
    const bool success = reply.status() >= 200 && reply.status() < 300;
    const bool answered = !reply.refused() || reply.why() == reason::upstream_status ||
                          (reply.why() == reason::reply_too_large && success);
    if (answered) result.status = reply.status();
    result.retry_after = notes.retry_after;
    if (reply.refused()) result.what = to_string(reply.why());
    if (!notes.beginning.empty()) (result.what += ": ") += one_line(notes.beginning);
    return result;
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
        asio::co_spawn(sequence_, run(shared_from_this()), [](std::exception_ptr bug) {
            if (bug) std::rethrow_exception(bug); // to whoever runs the event loop
        });
    } catch (const std::bad_alloc&) {
        running_ = false;
        begin_later();
    }
}

void deliverer::begin_later() noexcept { again_->set(alarm_clock::clock::now() + after_failure); }

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

asio::awaitable<void> deliverer::run(std::shared_ptr<deliverer> /*self*/) {
    bool lost = false;
    try {
        while (!stopping_) co_await step();
    } catch (const std::exception&) {
        lost = true; // for want of memory
    }
    running_ = false;
    if (lost && !stopping_) begin_later();
    tell_drained();
}

void deliverer::tell_drained() {
    if (stopping_ && !running_ && under_way_ == 0 && drained_) std::exchange(drained_, {})();
}

// Claims what is due, or waits until something may be.
asio::awaitable<void> deliverer::step() {
    const auto now = clock::now();
    const std::size_t free = circuit_.free(now, under_way_);
    if (free == 0) {
        // A delivery that ends wakes this as well.
        const auto probe = circuit_.probe_at();
        const bool waits = probe && under_way_ == 0;
        co_await sleep_until(waits ? *probe : clock::time_point::max());
        co_return;
    }
    auto [ec, claimed] = co_await store_->async_claim(free, lease_, owner_, upstream_, as_result);
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
    const auto next =
        claimed.next_due ? clock::now() + *claimed.next_due : clock::time_point::max();
    co_await sleep_until(next);
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
    ++under_way_;
    try {
        asio::co_spawn(sequence_, deliver(shared_from_this(), std::move(what)),
                       [self = shared_from_this()](std::exception_ptr) { self->ended(); });
    } catch (const std::bad_alloc&) {
        ended();
        throw;
    }
}

void deliverer::ended() {
    --under_way_;
    woken_ = true;
    pause_.cancel();
    tell_drained();
}

asio::awaitable<void> deliverer::deliver(std::shared_ptr<deliverer> /*self*/, stored_payload what) {
    counters_.queue.delivering.add(1);
    delivery_result result = co_await attempt(what.entry, std::move(what.body));
    counters_.queue.delivering.add(-1);
    co_await settle(what.entry, what.age, std::move(result));
}

asio::awaitable<delivery_result> deliverer::attempt(const queue_entry& entry, payload body) {
    delivery_result result;
    try {
        deadline_timer::entry limit(timer_);
        delivery_notes notes;
        notes.idempotency_key = entry.idempotency_key;
        request request({.body = std::move(body),
                         .peer = entry.peer,
                         .local = entry.local,
                         .id = entry.id,
                         .tls_peer_name = entry.tls_name},
                        limit.deadline());
        request_access::notes(request, &notes);
        reply reply = co_await forward_(std::move(request));
        result = result_of(reply, notes);
        result.stopped = limit.deadline().stopped() && result.status == 0;
    } catch (const std::exception& failed) {
        result.what = failed.what(); // want of memory: the service has done nothing wrong
        result.stopped = true;
    }
    co_return result;
}

asio::awaitable<void> deliverer::settle(const queue_entry& entry, milliseconds age,
                                        delivery_result result) {
    delivery_attempt attempt;
    attempt.status = result.status;
    attempt.attempts = entry.attempts;
    attempt.age = age;
    attempt.retry_after = parse_retry_after(result.retry_after, std::chrono::system_clock::now());
    delivery_decision decision = schedule_.after(attempt, by_chance());
    if (result.stopped) decision = {.verdict = delivery_verdict::again};
    if (!result.stopped) judge_service(result);
    if (decision.verdict != delivery_verdict::delivered) {
        co_await put_off(entry, result, decision);
        co_return;
    }
    counters_.queue.attempts_delivered.add();
    std::vector<request_id> ids{entry.id};
    auto [ec, n] = co_await store_->async_delivered(std::move(ids), as_result);
    if (!ec) counters_.queue.delivered.add(n);
    // Otherwise its lease runs out, and the service has it again under the same key.
    log_(log_level::debug, "delivered",
         {{"id", entry.id.text()},
          {"upstream", upstream_},
          {"status", static_cast<std::int64_t>(result.status)},
          {"attempts", static_cast<std::int64_t>(entry.attempts)}});
}

asio::awaitable<void> deliverer::put_off(const queue_entry& entry, const delivery_result& result,
                                         const delivery_decision& decision) {
    const bool dead = decision.verdict == delivery_verdict::dead;
    held_payload held{entry.id, owner_, entry.attempts};
    attempt_failure why{result.status, result.what};
    error_code failed;
    if (dead) {
        auto [ec] = co_await store_->async_dead(std::move(held), std::move(why), as_result);
        failed = ec;
    } else {
        auto [ec] = co_await store_->async_failed(std::move(held), decision.retry_in,
                                                  std::move(why), as_result);
        failed = ec;
    }
    if (failed || result.stopped) co_return; // its lease runs out, or nobody is to blame
    if (dead)
        (decision.too_old ? counters_.queue.dead_expired : counters_.queue.dead_refused).add();
    (dead ? counters_.queue.attempts_dead : counters_.queue.attempts_again).add();
    if (dead)
        log_dead(entry, result, decision.too_old);
    else
        log_failed(entry, result, decision);
}

void deliverer::log_dead(const queue_entry& entry, const delivery_result& result, bool too_old) {
    log_(log_level::warning, "dead letter",
         {{"id", entry.id.text()},
          {"upstream", upstream_},
          {"status", static_cast<std::int64_t>(result.status)},
          {"what", too_old ? std::string_view("it has waited for too long") : result.what},
          {"attempts", static_cast<std::int64_t>(entry.attempts)}});
}

void deliverer::log_failed(const queue_entry& entry, const delivery_result& result,
                           const delivery_decision& decision) {
    const std::array<log_field, 6> fields{
        {{"id", entry.id.text()},
         {"upstream", upstream_},
         {"status", static_cast<std::int64_t>(result.status)},
         {"what", result.what},
         {"attempts", static_cast<std::int64_t>(entry.attempts)},
         {"retry_ms", static_cast<std::int64_t>(decision.retry_in.count())}}};
    const std::span<const log_field> all(fields);
    if (decision.verdict == delivery_verdict::again_with_alert)
        log_(log_level::warning, "delivery failed", all);
    else
        log_(log_level::info, "delivery failed", all);
}

void deliverer::judge_service(const delivery_result& result) {
    const bool was_open = circuit_.open();
    switch (judge_status(result.status)) {
    case delivery_verdict::delivered:
    case delivery_verdict::dead:
        circuit_.answered();
        break;
    case delivery_verdict::again:
    case delivery_verdict::again_with_alert:
        circuit_.unavailable(clock::now(), result.status == 0 && down_(), by_chance());
        break;
    }
    if (circuit_.open() == was_open) return;
    if (was_open)
        log_(log_level::info, "deliveries go on", {{"upstream", upstream_}});
    else
        log_(log_level::warning, "deliveries wait",
             {{"upstream", upstream_}, {"what", result.what}});
}

} // namespace finpost::detail
