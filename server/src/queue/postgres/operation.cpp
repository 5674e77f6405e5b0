#include "queue/postgres/operation.hpp"

#include "queue/crc32c.hpp"

#include <algorithm>

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

// What is due and not given is locked by somebody else, who takes it.
constexpr milliseconds while_locked{100};

} // namespace

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
    for (const held_payload& each : damaged_)
        ask_ended(terms, each, queue_state::set_aside, {0, "its bytes are not what was stored"},
                  out);
    claim_terms rest = what_;
    rest.most -= std::min(rest.most, claimed_.payloads.size());
    ask_claim(rest, out);
    return {};
}

bool postgres_claim::take(answers given) {
    damaged_.clear();
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
    return !damaged_.empty();
}

void postgres_claim::sort_out(stored_payload one) {
    const queue_entry& entry = one.entry;
    const auto sum = checksum_of(one.body);
    if (one.body.size() == entry.size && sum && *sum == entry.crc32c) {
        bytes_ += entry.size;
        claimed_.payloads.push_back(std::move(one));
        return;
    }
    log_(log_level::error, "queue payload set aside",
         {{"id", entry.id.text()}, {"what", "its bytes are not what was stored"}});
    damaged_.push_back({entry.id, entry.lease_owner, entry.attempts});
}

void postgres_claim::complete(error_code failed) noexcept { end_.tell(failed, claimed_); }

} // namespace finpost::detail
