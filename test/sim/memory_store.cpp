#include "sim/memory_store.hpp"

#include "completion.hpp"

#include "finpost/queue_error.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

namespace asio = boost::asio;

namespace finpost::sim {

namespace {

queue_entry::time_point time_of(std::int64_t milliseconds) {
    return queue_entry::time_point(std::chrono::milliseconds(milliseconds));
}

// As a store does: a mapped page could not be read.
bool read_all(const payload& from, std::string& into) {
    into.resize(from.size());
    const auto n = from.read(0, std::as_writable_bytes(std::span(into)));
    return n && *n == into.size();
}

stored_payload as_stored(const kept_payload& one, std::int64_t now) {
    stored_payload out{.entry = {.id = one.id}};
    queue_entry& entry = out.entry;
    entry.idempotency_key = one.key;
    entry.listener = one.listener;
    entry.upstream = one.upstream;
    entry.peer = one.peer;
    entry.local = one.local;
    entry.tls_name = one.tls_name;
    entry.accepted_at = entry.waiting_since = time_of(one.since);
    entry.size = one.body.size();
    entry.attempts = one.attempts;
    entry.due = time_of(one.due);
    entry.lease_until = time_of(one.lease_until);
    entry.lease_owner = one.owner;
    out.body = payload(one.body);
    out.age = std::chrono::milliseconds(now - one.since);
    return out;
}

} // namespace

memory_store::memory_store(history& all, executor_type executor)
    : all_(all), k_(*kernel::current), executor_(std::move(executor)),
      dice_(all.plan->dice * 69'069 + 5) {}

std::int64_t memory_store::now() const { return k_.now / ms; }

std::size_t memory_store::waiting() const {
    const auto waits = [](const kept_payload& one) {
        return one.is == kept_payload::state::waiting;
    };
    return static_cast<std::size_t>(std::count_if(all_.kept.begin(), all_.kept.end(), waits));
}

kept_payload* memory_store::find(const request_id& id) {
    const auto found = std::find_if(all_.kept.begin(), all_.kept.end(), [&](const auto& one) {
        return one.id == id && one.is != kept_payload::state::delivered;
    });
    return found == all_.kept.end() ? nullptr : &*found;
}

kept_payload* memory_store::find(const held_payload& of) {
    kept_payload* const one = find(of.id);
    if (one == nullptr || one->is != kept_payload::state::waiting || one->owner != of.owner ||
        one->attempts != of.attempts)
        return nullptr;
    return one;
}

void memory_store::forget() noexcept {
    std::vector<asked> waiting, group;
    waiting.swap(waiting_);
    group.swap(group_);
}

// ---- groups

template <class... Results, class Perform>
void memory_store::ask(completion_handler<Results...> done, bool adds, Perform perform,
                       std::function<void()> acknowledged) {
    using end_type = detail::completion<error_code, Results...>;
    const auto end = std::make_shared<end_type>(std::move(done), executor_);
    const auto given = std::make_shared<std::tuple<Results...>>();
    const auto one = std::make_shared<operation>();
    one->adds = adds;
    one->acknowledged = std::move(acknowledged);
    one->perform = [given, perform = std::move(perform)] { return std::apply(perform, *given); };
    one->tell = [end, given](error_code ec) {
        std::apply([&](Results&... each) { end_type::complete(end, ec, std::move(each)...); },
                   *given);
    };
    end->on_cancel([this, weak = std::weak_ptr(one)] {
        if (const auto self = weak.lock()) give_up(self);
    });
    waiting_.push_back(one);
    if (!busy_) begin_group();
}

void memory_store::begin_group() {
    const rules_plan& rules = all_.plan->rules;
    busy_ = true;
    group_.swap(waiting_);
    const bool slow = dice_.chance(static_cast<double>(rules.slow_commits) / 100);
    all_.did(conduct::slow_commits, slow);
    const nanos takes = slow ? dice_.between(1 * ms, 15 * s) : dice_.between(1, 500 * us);
    k_.host_at(k_.now + takes, [this] { finish_group(); });
}

void memory_store::finish_group() {
    const outside ours;
    const rules_plan& rules = all_.plan->rules;
    const bool fails = dice_.chance(static_cast<double>(rules.failed_commits) / 100);
    const bool done_all_the_same = fails && dice_.chance(0.5);
    const bool full = dice_.chance(static_cast<double>(rules.full_commits) / 100);
    all_.did(conduct::failed_commits, fails);
    for (const asked& one : std::exchange(group_, {})) {
        const bool refused = full && one->adds && !fails;
        all_.did(conduct::full_commits, refused);
        error_code ec;
        if (refused)
            ec = queue_error::full;
        else if (!fails || done_all_the_same)
            ec = one->perform();
        tell(one, fails ? error_code(queue_error::failed) : ec);
    }
    busy_ = false;
    if (!waiting_.empty()) begin_group();
}

void memory_store::give_up(const asked& one) {
    const outside ours;
    const auto found = std::find(waiting_.begin(), waiting_.end(), one);
    const bool withdrawn = found != waiting_.end();
    if (withdrawn) waiting_.erase(found);
    all_.did(withdrawn ? conduct::withdrawn : conduct::given_up, !one->told);
    tell(one,
         withdrawn ? error_code(asio::error::operation_aborted) : error_code(queue_error::failed));
}

void memory_store::tell(const asked& one, error_code ec) {
    if (std::exchange(one->told, true)) return;
    if (!ec && one->acknowledged) one->acknowledged();
    const within program;
    asio::post(executor_, [one, ec] {
        const auto say = std::exchange(one->tell, nullptr);
        say(ec);
    });
}

// ---- what a group does

void memory_store::put(std::vector<new_payload> batch, completion_handler<> done) {
    const outside ours;
    std::vector<kept_payload> fresh;
    bool good = true;
    for (new_payload& each : batch) {
        kept_payload& one = fresh.emplace_back();
        one.id = each.id;
        one.key = std::move(each.idempotency_key);
        one.listener = std::move(each.listener);
        one.upstream = std::move(each.upstream);
        one.peer = each.peer;
        one.local = each.local;
        one.tls_name = std::move(each.tls_name);
        good = read_all(each.body, one.body) && good;
    }
    ask(
        std::move(done), true,
        [this, good, fresh = std::move(fresh)]() -> error_code {
            if (!good) return queue_error::failed;
            for (const kept_payload& each : fresh) {
                if (find(each.id) != nullptr) all_.complain("a payload is put twice");
                all_.kept.push_back(each);
                all_.kept.back().since = all_.kept.back().due = now();
            }
            return {};
        },
        [this] { ++all_.acknowledged.puts; });
}

void memory_store::claim(std::size_t most, milliseconds lease, std::string owner,
                         std::string upstream, completion_handler<claimed_payloads> done) {
    const outside ours;
    ask(std::move(done), false,
        [this, most, lease, owner = std::move(owner),
         upstream = std::move(upstream)](claimed_payloads& into) -> error_code {
            std::optional<std::int64_t> next;
            for (kept_payload& one : all_.kept) {
                if (one.is != kept_payload::state::waiting || one.upstream != upstream) continue;
                const std::int64_t at = std::max(one.due, one.lease_until);
                if (at <= now() && into.payloads.size() < most) {
                    one.attempts += 1;
                    one.owner = owner;
                    one.lease_until = now() + lease.count();
                    into.payloads.push_back(as_stored(one, now()));
                } else if (at > now()) {
                    next = std::min(next.value_or(at), at);
                }
            }
            if (next) into.next_due = milliseconds(*next - now());
            return {};
        });
}

void memory_store::delivered(std::vector<request_id> ids, completion_handler<std::size_t> done) {
    const outside ours;
    const auto removed = std::make_shared<std::size_t>(0);
    ask(
        std::move(done), false,
        [this, removed, ids = std::move(ids)](std::size_t& n) -> error_code {
            for (const request_id& id : ids) {
                kept_payload* const one = find(id);
                if (one == nullptr) continue;
                one->is = kept_payload::state::delivered;
                ++n;
            }
            *removed = n;
            return {};
        },
        [this, removed] { all_.acknowledged.delivered += *removed; });
}

void memory_store::failed(held_payload held, milliseconds retry_in, attempt_failure,
                          completion_handler<> done) {
    const outside ours;
    ask(std::move(done), false, [this, held = std::move(held), retry_in]() -> error_code {
        kept_payload* const one = find(held);
        if (one == nullptr) return queue_error::not_held;
        one->due = now() + retry_in.count();
        one->lease_until = 0;
        one->owner.clear();
        return {};
    });
}

void memory_store::dead(held_payload held, attempt_failure, completion_handler<> done) {
    const outside ours;
    ask(
        std::move(done), false,
        [this, held = std::move(held)]() -> error_code {
            kept_payload* const one = find(held);
            if (one == nullptr) return queue_error::not_held;
            one->is = kept_payload::state::dead;
            return {};
        },
        [this] { ++all_.acknowledged.dead; });
}

// ---- what operators ask for, of whom there are none

void memory_store::list(queue_filter, queue_page,
                        completion_handler<std::vector<queue_entry>> done) {
    ask(std::move(done), false, [](auto&) { return error_code(queue_error::failed); });
}
void memory_store::show(request_id, completion_handler<std::optional<stored_payload>> done) {
    ask(std::move(done), false, [](auto&) { return error_code(queue_error::failed); });
}
void memory_store::replay(queue_filter, queue_page, completion_handler<std::size_t> done) {
    ask(std::move(done), false, [](auto&) { return error_code(queue_error::failed); });
}
void memory_store::drop(queue_filter, queue_page, completion_handler<std::size_t> done) {
    ask(std::move(done), false, [](auto&) { return error_code(queue_error::failed); });
}
void memory_store::stats(completion_handler<queue_stats> done) {
    ask(std::move(done), false, [](auto&) { return error_code(queue_error::failed); });
}

} // namespace finpost::sim
