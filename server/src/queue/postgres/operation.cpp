#include "queue/postgres/operation.hpp"

#include "queue/crc32c.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

// What is due and not given is locked by somebody else, who takes it.
constexpr milliseconds while_locked{100};

// A body that the disk does not give.
constexpr milliseconds read_again{60'000};

// Each in a transaction of its own; the others on that connection wait meanwhile.
constexpr std::size_t most_one_by_one = 16;

// What the server says of its own pages and indexes, and before 13 of bodies. What it says of its
// disk (58) may pass.
bool says_damage(std::string_view state) { return state.starts_with("XX"); }

held_payload held_by(const queue_entry& entry) {
    return {entry.id, entry.lease_owner, entry.attempts};
}

} // namespace

bool is_unreadable(const postgres_answer& refused) {
    return says_damage(refused.state()) || refused.state().starts_with("58");
}

postgres_put::postgres_put(std::vector<new_payload> batch, operation_end<void>::handler_type done,
                           const boost::asio::any_io_executor& executor)
    : batch_(std::move(batch)), end_(std::move(done), executor) {
    puts = repeatable = true;
    for (const new_payload& each : batch_) bytes_ += each.body.size();
}

error_code postgres_put::ask(const postgres_terms& terms, postgres_statements& out) {
    std::vector<const new_payload*> all;
    for (const new_payload& each : batch_) all.push_back(&each);
    return ask_put(terms, all, unknown, out);
}

bool postgres_put::take(answers given) {
    outcome_ = {};
    if (!unknown && !given.back().truth(0, 0)) outcome_ = queue_error::full;
    return false;
}

void postgres_put::complete(error_code failed) noexcept {
    std::monostate nothing;
    end_.tell(failed ? failed : outcome_, nothing);
}

postgres_claim::postgres_claim(claim_terms what, counter* recovered, logger log,
                               operation_end<claimed_payloads>::handler_type done,
                               const boost::asio::any_io_executor& executor)
    : what_(std::move(what)), recovered_(recovered), log_(std::move(log)),
      end_(std::move(done), executor) {
    alone = true;
}

error_code postgres_claim::ask(const postgres_terms& terms, postgres_statements& out) {
    if (step_ == step::bodies) {
        ask_body(held_by(unread_.back().entry), out);
        return {};
    }
    ask_changes(terms, out);
    if (step_ == step::changes) return {};
    claim_terms rest = what_;
    rest.most -= std::min(rest.most, claimed_.payloads.size());
    rest.bodies = step_ == step::payloads;
    if (!rest.bodies) rest.most = std::min(rest.most, most_one_by_one);
    ask_claim(rest, out);
    return {};
}

void postgres_claim::ask_changes(const postgres_terms& terms, postgres_statements& out) const {
    for (const changed_payload& each : changes_) {
        if (each.damaged)
            ask_ended(terms, each.held, queue_state::set_aside, {0, each.why}, out);
        else
            ask_failed(each.held, read_again, {0, each.why}, out);
    }
}

bool postgres_claim::take(answers given) {
    if (step_ == step::bodies) {
        take_body(given.back());
        return go_on_reading();
    }
    changes_.clear();
    if (step_ == step::changes) return false;
    take_rows(given);
    if (step_ == step::payloads) return !changes_.empty();
    if (unread_.empty()) return false;
    // From here on it does the same when it is done twice.
    repeatable = true;
    step_ = step::bodies;
    return true;
}

void postgres_claim::take_rows(answers given) {
    const postgres_answer& rows = given[given.size() - 2];
    std::vector<stored_payload> taken;
    std::uint64_t from_others = 0;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
        from_others += rows.truth(i, lease_had_run_out) ? 1 : 0;
        if (auto one = read_payload(rows, i)) taken.push_back(std::move(*one));
    }
    if (recovered_ != nullptr) recovered_->add(from_others);
    std::sort(taken.begin(), taken.end(), [](const auto& a, const auto& b) {
        if (a.entry.due != b.entry.due) return a.entry.due < b.entry.due;
        return a.entry.sequence < b.entry.sequence;
    });
    if (step_ == step::rows)
        unread_.assign(std::make_move_iterator(taken.rbegin()),
                       std::make_move_iterator(taken.rend()));
    else
        for (stored_payload& each : taken) sort_out(std::move(each));
    const postgres_answer& next = given.back();
    claimed_.next_due.reset();
    for (const int column : {0, 1}) {
        if (next.null(0, column)) continue;
        const milliseconds wait(std::max<std::int64_t>(0, next.number(0, column)));
        claimed_.next_due = std::min(claimed_.next_due.value_or(wait), wait);
    }
    if (claimed_.next_due && claimed_.payloads.empty())
        claimed_.next_due = std::max(*claimed_.next_due, while_locked);
    const bool full = bytes_ >= static_cast<std::uint64_t>(claimed_bytes);
    if (full) claimed_.next_due = milliseconds(0);
}

// Without a row somebody else has it, or has removed it.
void postgres_claim::take_body(const postgres_answer& body) {
    stored_payload one = std::move(unread_.back());
    unread_.pop_back();
    if (body.rows() == 0) return;
    one.body = payload(body.text(0, 0));
    sort_out(std::move(one));
}

// Some were read: whether there are more is for the next claim to see.
bool postgres_claim::go_on_reading() {
    if (!unread_.empty()) return true;
    step_ = step::changes;
    claimed_.next_due = milliseconds(0);
    return !changes_.empty();
}

bool postgres_claim::refused(const postgres_answer& why) {
    if (!is_unreadable(why) || step_ == step::rows) return false;
    if (step_ == step::payloads) {
        step_ = step::rows;
        return true;
    }
    if (step_ == step::changes) { // what was read is delivered; the others keep their leases
        changes_.clear();
        return true;
    }
    const queue_entry entry = std::move(unread_.back().entry);
    unread_.pop_back();
    std::string what = "it cannot be read: " + why.message();
    if (says_damage(why.state()))
        set_aside(entry, std::move(what));
    else
        read_later(entry, std::move(what));
    go_on_reading();
    return true;
}

void postgres_claim::sort_out(stored_payload one) {
    const queue_entry& entry = one.entry;
    const auto sum = checksum_of(one.body);
    if (one.body.size() != entry.size || !sum || *sum != entry.crc32c)
        return set_aside(entry, "its bytes are not what was stored");
    bytes_ += entry.size;
    claimed_.payloads.push_back(std::move(one));
}

void postgres_claim::set_aside(const queue_entry& entry, std::string why) {
    log_(log_level::error, "queue payload set aside", {{"id", entry.id.text()}, {"what", why}});
    changes_.push_back({held_by(entry), std::move(why), true});
}

void postgres_claim::read_later(const queue_entry& entry, std::string why) {
    log_(log_level::warning, "queue payload not read",
         {{"id", entry.id.text()},
          {"what", why},
          {"times", static_cast<std::int64_t>(entry.attempts)},
          {"retry_ms", static_cast<std::int64_t>(read_again.count())}});
    changes_.push_back({held_by(entry), std::move(why), false});
}

void postgres_claim::complete(error_code failed) noexcept { end_.tell(failed, claimed_); }

} // namespace finpost::detail
