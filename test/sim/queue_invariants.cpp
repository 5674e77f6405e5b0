#include "sim/queue_invariants.hpp"

#include <algorithm>
#include <map>

namespace finpost::sim {

namespace {

using state = kept_payload::state;

constexpr std::string_view receipt = "finpost: queued ";
constexpr std::size_t id_size = 36;

const kept_payload* find(const history& all, std::string_view id) {
    const auto found = std::find_if(all.kept.begin(), all.kept.end(),
                                    [id](const auto& one) { return one.id.text() == id; });
    return found == all.kept.end() ? nullptr : &*found;
}

bool was_taken(const history& all, const kept_payload& one) {
    return std::any_of(all.posts.begin(), all.posts.end(), [&](const post& seen) {
        return seen.complete && seen.key == one.key && seen.body == one.body &&
               seen.status / 100 == 2;
    });
}

std::size_t count(const history& all, state is) {
    return static_cast<std::size_t>(std::count_if(all.kept.begin(), all.kept.end(),
                                                  [is](const auto& one) { return one.is == is; }));
}

void must_be_equal(sentences& out, const char* what, std::uint64_t one, std::uint64_t other) {
    if (one == other) return;
    out.push_back(std::string(what) + ": " + std::to_string(one) + " and " + std::to_string(other));
}

} // namespace

bool stores(const rules_plan& rules) { return rules.delivery != delivery_form::relay; }

std::string_view receipt_in(std::string_view got) {
    const bool whole = got.size() == receipt.size() + id_size + 1 && got.starts_with(receipt) &&
                       got.back() == '\n';
    return whole ? got.substr(receipt.size(), id_size) : std::string_view();
}

// Whatever happens, also the death of the process: delivered, or there.
sentences who_has_a_receipt_has_a_payload(const history& all) {
    sentences out;
    for (const client_history& one : all.clients) {
        const std::string_view id = receipt_in(one.got);
        if (id.empty()) continue;
        const kept_payload* const kept = find(all, id);
        if (kept == nullptr)
            out.push_back(one.name() + "has a receipt, and its payload is nowhere");
        else if (kept->body != one.payload)
            out.push_back(one.name() + "has a receipt, and other bytes are stored");
        else if (kept->key != id)
            out.push_back(one.name() + "has a receipt, and its payload another key");
    }
    return out;
}

sentences what_is_delivered_was_taken(const history& all) {
    sentences out;
    for (const kept_payload& one : all.kept)
        if (one.is == state::delivered && !was_taken(all, one))
            out.push_back(std::string(one.id.text()) +
                          " is taken for delivered, and the service did not take it");
    return out;
}

sentences stored_payloads_are_read_or_refused(const history& all) {
    sentences out;
    if (!stores(all.plan->rules) || all.killed) return out;
    for (const client_history& one : all.clients) {
        if (one.left || !one.ended || one.logged.empty() || one.how != ending::fin) continue;
        if ((one.logged == "queued") != !receipt_in(one.got).empty() && !one.got.empty())
            out.push_back(one.name() + "is logged as " + one.logged + ", and got \"" +
                          one.got.substr(0, 60) + '"');
        if (one.logged == "replied" && all.plan->rules.delivery == delivery_form::queue)
            out.push_back(one.name() + "has a reply, and not a receipt");
    }
    return out;
}

sentences a_key_is_of_one_payload(const history& all) {
    sentences out;
    if (!stores(all.plan->rules)) return out;
    std::map<std::string_view, const post*> known;
    for (const post& seen : all.posts) {
        const auto [at, fresh] = known.try_emplace(seen.key, &seen);
        if (!fresh && at->second->client != seen.client)
            out.push_back("two clients have the key " + seen.key);
    }
    for (const kept_payload& one : all.kept)
        if (one.attempts > 0 && one.key != one.id.text())
            out.push_back(std::string(one.id.text()) + " has another key: " + one.key);
    return out;
}

sentences the_books_of_the_queue_balance(const history& all) {
    sentences out;
    if (!stores(all.plan->rules) || all.killed || all.stuck) return out;
    const auto& seen = all.counters.queue;
    must_be_equal(out, "acknowledged and counted as stored", all.acknowledged.puts,
                  seen.stored.value());
    must_be_equal(out, "acknowledged and counted as delivered", all.acknowledged.delivered,
                  seen.delivered.value());
    must_be_equal(out, "acknowledged and counted as dead", all.acknowledged.dead,
                  seen.dead_refused.value() + seen.dead_expired.value());
    // Nobody drops any. What is unknown may have happened.
    const std::size_t delivered = count(all, state::delivered), dead = count(all, state::dead);
    const bool unknown = all.plan->rules.failed_commits > 0 || all.plan->rules.slow_commits > 0;
    if (all.acknowledged.puts > all.kept.size() || all.acknowledged.delivered > delivered ||
        all.acknowledged.dead > dead)
        out.push_back("more is acknowledged than has happened");
    if (unknown) return out;
    must_be_equal(out, "stored = delivered + dead + waiting", all.acknowledged.puts,
                  delivered + dead + count(all, state::waiting));
    must_be_equal(out, "delivered", all.acknowledged.delivered, delivered);
    must_be_equal(out, "dead", all.acknowledged.dead, dead);
    return out;
}

sentences a_fair_queue_delivers_all(const history& all) {
    sentences out;
    if (!stores(all.plan->rules) || !all.plan->fair || all.killed) return out;
    for (const client_history& one : all.clients) {
        const bool mild = one.is_mild() && one.sends.size() <= all.rules.max_payload;
        const bool good = !receipt_in(one.got).empty() || one.logged == "replied";
        if (mild && !good)
            out.push_back(one.name() + "has neither a receipt nor a reply: " + one.logged + ' ' +
                          one.reason);
    }
    for (const kept_payload& one : all.kept)
        if (one.is != state::delivered)
            out.push_back(std::string(one.id.text()) + " is not delivered after " +
                          std::to_string(one.attempts) + " attempts");
    return out;
}

} // namespace finpost::sim
