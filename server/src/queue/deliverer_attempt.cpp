// One attempt to deliver a payload, and what becomes of it.
#include "async/use_tuple_awaitable.hpp"
#include "queue/deliverer.hpp"
#include "queue/retry_after.hpp"
#include "random.hpp"
#include "request_access.hpp"
#include "upstream/delivery_notes.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

double by_chance() noexcept {
    return static_cast<double>(random_bits() >> 11) / static_cast<double>(1ull << 53);
}

// In one line, and without what a terminal would obey.
std::string without_controls(std::string_view text) {
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
    // A file that cannot be read or written.
    result.ours = !answered && reply.refused() && reply.why() == reason::spill_failed;
    result.answer = without_controls(notes.beginning);
    return result;
}

} // namespace

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
        result.what = failed.what(); // want of memory
        result.ours = true;
    }
    co_return result;
}

asio::awaitable<void> deliverer::settle(const stored_payload& what, const delivery_result& result) {
    const queue_entry& entry = what.entry;
    delivery_attempt attempt;
    attempt.status = result.status;
    attempt.attempts = entry.attempts;
    attempt.age = what.age;
    attempt.retry_after = parse_retry_after(result.retry_after, std::chrono::system_clock::now());
    delivery_decision decision = schedule_.after(attempt, by_chance());
    if (result.stopped) decision = {.verdict = delivery_verdict::again};
    if (!result.stopped && !result.ours) judge_service(result);
    if (decision.verdict != delivery_verdict::delivered) {
        co_await put_off(entry, result, decision);
        co_return;
    }
    count_attempt(decision.verdict);
    std::vector<request_id> ids{entry.id};
    auto [ec, n] = co_await store_->async_delivered(std::move(ids), use_shared_tuple_awaitable);
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
    if (!result.answer.empty()) (why.what += ": ") += result.answer;
    error_code failed;
    if (dead) {
        auto [ec] = co_await store_->async_dead(std::move(held), std::move(why),
                                                use_shared_tuple_awaitable);
        failed = ec;
    } else {
        auto [ec] = co_await store_->async_failed(std::move(held), decision.retry_in,
                                                  std::move(why), use_shared_tuple_awaitable);
        failed = ec;
    }
    if (failed || result.stopped) co_return; // its lease runs out, or it was cut by this side
    if (dead)
        (decision.too_old ? counters_.queue.dead_expired : counters_.queue.dead_refused).add();
    count_attempt(decision.verdict);
    if (dead)
        log_dead(entry, result, decision.too_old);
    else
        log_failed(entry, result, decision);
}

void deliverer::count_attempt(delivery_verdict verdict) noexcept {
    switch (verdict) {
    case delivery_verdict::delivered:
        return counters_.queue.attempts_delivered.add();
    case delivery_verdict::again:
        return counters_.queue.attempts_again.add();
    case delivery_verdict::again_with_alert:
        return counters_.queue.attempts_misdirected.add();
    case delivery_verdict::dead:
        return counters_.queue.attempts_dead.add();
    }
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
