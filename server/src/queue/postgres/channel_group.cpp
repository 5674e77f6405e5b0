// A transaction: what goes into it, and what its answers mean.
#include "queue/postgres/channel.hpp"
#include "queue/postgres/query_parts.hpp"

#include <algorithm>
#include <iterator>
#include <new>
#include <string_view>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr std::size_t most_operations = 64;
constexpr std::size_t most_payloads = 1'000;
constexpr std::size_t most_bytes = 8 << 20; // and one operation more

// Errors that say nothing about what was asked for: of a server that goes, has no room for another
// transaction, is no longer the one that takes writes, or has no such tables, rights or prepared
// statements any more, or others under their names (a pooler's).
bool is_of_server(std::string_view state) {
    for (const std::string_view each :
         {"08", "57P", "53300", "25006", "42501", "42P01", "42P05", "3F000", "26000", "0A000"})
        if (state.starts_with(each)) return true;
    return state.empty();
}

// Transactions that were in each other's way.
bool is_conflict(std::string_view state) {
    return state.starts_with("40") || state == "55P03" || state == "57014";
}

bool is_full(std::string_view state) { return state == "53100"; }

const std::vector<new_payload>& batch_of(const postgres_operation& put) {
    return static_cast<const postgres_put&>(put).batch();
}

} // namespace

// Puts go with puts: in the connection for them there is nothing else.
void postgres_channel::take_group() {
    const std::lock_guard lock(mutex_);
    std::size_t payloads = 0, bytes = 0, n = 0;
    const std::size_t most = single_ > 0 ? 1 : most_operations;
    auto next = waiting_.begin();
    for (; next != waiting_.end() && n < most; ++next, ++n) {
        const postgres_operation& one = **next;
        const bool by_itself = one.alone || one.unknown;
        if (n > 0 && (by_itself || payloads >= most_payloads || bytes >= most_bytes)) break;
        if (one.puts) {
            payloads += batch_of(one).size();
            bytes += static_cast<const postgres_put&>(one).bytes();
        }
        if (!by_itself) continue;
        ++next;
        break;
    }
    if (single_ > 0) --single_;
    group_.splice(group_.end(), waiting_, waiting_.begin(), next);
}

// False: one of them cannot be asked, and was told so.
bool postgres_channel::ask_group(postgres_statements& out) {
    asked_.clear();
    if (group_.size() > 1 && group_.front()->puts) return ask_puts(out);
    for (const operation& each : group_) {
        const std::size_t before = out.size();
        if (const error_code failed = each->ask(terms_, out)) {
            log_(log_level::error, "queue payload not stored", {{"what", failed.message()}});
            each->complete(queue_error::failed); // of a put, which is alone
            return false;
        }
        asked_.push_back(out.size() - before);
    }
    return true;
}

bool postgres_channel::ask_puts(postgres_statements& out) {
    std::vector<const new_payload*> all;
    for (const operation& each : group_)
        for (const new_payload& one : batch_of(*each)) all.push_back(&one);
    const std::size_t before = out.size();
    if (!ask_put(terms_, all, false, out)) {
        asked_.assign(1, out.size() - before);
        return true;
    }
    one_by_one(); // one of them cannot be read
    return false;
}

asio::awaitable<void> postgres_channel::serve() {
    postgres_statements all;
    all.emplace_back(begin_transaction);
    if (!ask_group(all)) {
        fail_group(queue_error::failed);
        co_return;
    }
    all.emplace_back("commit");
    const auto began = clock::now();
    postgres_outcome outcome;
    sent_ = true;
    expect_answer();
    co_await connection_->exchange(all, outcome);
    overdue_->clear();
    switch (judge(outcome, all.size())) {
    case state::committed:
        if (commit_seconds_ != nullptr) commit_seconds_->record(clock::now() - began);
        take_answers(outcome);
        sent_ = false;
        co_return;
    case state::unknown:
        log_(log_level::warning, "queue commit uncertain",
             {{"connection", name_}, {"what", outcome.warning}});
        give_back(true);
        sent_ = false;
        co_return;
    case state::lost:
        lose(outcome.why);
        give_back(true);
        sent_ = false;
        co_return;
    case state::refused:
        break;
    }
    refuse(outcome);
    sent_ = false;
    if (connection_) co_await roll_back();
}

postgres_channel::state postgres_channel::judge(const postgres_outcome& outcome,
                                                std::size_t asked) const noexcept {
    if (outcome.lost) return state::lost;
    for (const postgres_answer& each : outcome.answers)
        if (!each.good()) return state::refused;
    if (outcome.answers.size() != asked || outcome.answers.back().tag() != "COMMIT")
        return state::unknown;
    return outcome.warning.empty() ? state::committed : state::unknown;
}

void postgres_channel::take_answers(const postgres_outcome& outcome) {
    std::span<const postgres_answer> rest(outcome.answers);
    rest = rest.subspan(1);
    const bool merged = asked_.size() < group_.size();
    if (merged && !rest.front().truth(0, 0)) return one_by_one(); // some of them have no room
    failures_ = 0;
    auto asked = asked_.begin();
    for (const operation& each : group_) {
        const bool more = each->take(rest.first(*asked));
        if (!more) each->complete({});
        if (!merged) rest = rest.subspan(*asked++);
    }
    give_back(false); // what wants another transaction
}

// Nothing of the group is there.
void postgres_channel::refuse(const postgres_outcome& outcome) {
    const auto why = std::find_if(outcome.answers.begin(), outcome.answers.end(),
                                  [](const postgres_answer& each) { return !each.good(); });
    const std::string_view code = why->state();
    if (is_of_server(code)) {
        lose(why->message());
        return give_back(false);
    }
    if (is_conflict(code)) return give_back(false);
    if (group_.size() > 1) return one_by_one();
    postgres_operation& one = *group_.front();
    if (one.refused(*why)) return give_back(false);
    const bool no_room = is_full(code) && one.puts && !one.unknown;
    if (!no_room)
        log_(log_level::error, "queue statement failed",
             {{"connection", name_}, {"what", why->message()}, {"sqlstate", code}});
    fail_group(no_room ? queue_error::full : queue_error::failed);
}

asio::awaitable<void> postgres_channel::roll_back() {
    postgres_statements rollback;
    rollback.emplace_back("rollback");
    postgres_outcome outcome;
    co_await connection_->exchange(rollback, outcome);
    if (outcome.lost) lose(outcome.why);
}

void postgres_channel::one_by_one() {
    single_ = group_.size();
    give_back(false);
}

// To the front of what waits, but for those that were told their end, and those of which nobody
// knows whether they were done, and that must not be done twice.
void postgres_channel::give_back(bool sent) noexcept {
    for (;;) {
        operation ended;
        {
            const std::lock_guard lock(mutex_);
            const auto found = std::find_if(group_.begin(), group_.end(), [sent](const auto& each) {
                return each->told() || (sent && !each->repeatable);
            });
            if (found == group_.end()) {
                for (const operation& each : group_) each->unknown = each->unknown || sent;
                waiting_.splice(waiting_.begin(), group_);
                return;
            }
            ended = *found;
            group_.erase(found);
        }
        ended->complete(queue_error::failed);
    }
}

void postgres_channel::fail_group(const error_code& why) noexcept {
    for (const operation& each : group_) each->complete(why);
    const std::lock_guard lock(mutex_);
    group_.clear();
}

} // namespace finpost::detail
