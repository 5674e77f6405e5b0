#include "crash/power_ledger.hpp"

#include <algorithm>
#include <utility>

namespace finpost::test {

namespace {

enum class happened { no, maybe, yes };

happened has(const power_ledger::operation& what, std::size_t cut) {
    if (what.begun >= cut && !(what.told && *what.told <= cut)) return happened::no;
    if (!what.told || *what.told > cut) return happened::maybe;
    return what.refused ? happened::no : happened::yes;
}

std::string text_of(const standing& is) {
    if (!is.there) return "gone";
    std::string text(to_string(is.state));
    if (is.last_error) text += " (" + *is.last_error + ')';
    return text;
}

} // namespace

bool standing::allows(const standing& seen) const {
    if (!there || !seen.there) return there == seen.there;
    // A store says that of what it could not read once.
    const bool unread = seen.last_error && seen.last_error->starts_with("it cannot be read: ");
    return state == seen.state && (!last_error || last_error == seen.last_error || unread);
}

void power_ledger::put(const handle& what, const request_id& id, std::string body) {
    story& of = known_[id];
    of.body = std::move(body);
    of.changes.push_back({what, {.there = true, .last_error = ""}, true});
}

void power_ledger::change(const handle& what, const request_id& id, standing to) {
    known_.at(id).changes.push_back({what, std::move(to)});
}

void power_ledger::tell(const handle& what, std::size_t at, const error_code& ec) {
    if (ec == queue_error::failed) return; // nobody knows
    what->told = at;
    what->refused = ec.failed();
    acknowledged_ += ec ? 0 : 1;
}

std::vector<standing> power_ledger::possible(const story& of, std::size_t cut) {
    std::vector<standing> all{of.first};
    for (const change_of& each : of.changes) {
        const happened is = has(*each.by, cut);
        if (is == happened::no) continue;
        std::vector<standing> after;
        for (const standing& before : all) {
            if (is == happened::maybe) after.push_back(before);
            // Only a put makes something of what is not there.
            after.push_back(before.there || each.puts ? each.to : before);
        }
        all = std::move(after);
    }
    return all;
}

// All of a batch or nothing: of one whose end nobody was told.
std::string power_ledger::broken_batch(const found_payloads& found, std::size_t cut) const {
    std::map<const operation*, bool> is_there;
    for (const auto& [id, of] : known_) {
        // What has become of it since then is another matter.
        if (of.changes.size() != 1 || !of.changes.front().puts) continue;
        const operation& put = *of.changes.front().by;
        if (has(put, cut) != happened::maybe) continue;
        const bool there = found.count(id) == 1;
        const auto [first, fresh] = is_there.try_emplace(&put, there);
        if (!fresh && first->second != there) return "a part of a batch: " + std::string(id.text());
    }
    return {};
}

std::string power_ledger::problem_with(const found_payloads& found, std::size_t cut) const {
    for (const auto& [id, of] : known_) {
        const auto seen = found.find(id);
        const standing is = seen == found.end() ? standing() : seen->second.is;
        const std::vector<standing> good = possible(of, cut);
        const bool allowed = std::any_of(good.begin(), good.end(),
                                         [&](const standing& each) { return each.allows(is); });
        const std::string name(id.text());
        if (!allowed && !is.there) return "lost: " + name;
        if (!allowed) return name + " is " + text_of(is) + ", not " + text_of(good.back());
        if (is.there && seen->second.body != of.body) return "changed: " + name;
    }
    for (const auto& [id, each] : found)
        if (known_.count(id) == 0) return "never stored: " + std::string(id.text());
    return broken_batch(found, cut);
}

void power_ledger::begin_anew(const found_payloads& found) {
    for (auto& [id, of] : known_) {
        const auto seen = found.find(id);
        of.first = seen == found.end() ? standing() : seen->second.is;
        of.changes.clear();
    }
}

} // namespace finpost::test
