// What is due, and what is damaged.
#include "queue/crc32c.hpp"
#include "queue/sqlite_queue.hpp"
#include "queue/store_limits.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace finpost::detail {

namespace {

namespace errc = boost::system::errc;

// What cannot be read is tried again after 1 s, 2 s, ... 64 s: for two minutes.
constexpr int most_reads = 8;

// Of this process, or of the machine, and not of the file: it is whole, and can be read later.
bool is_shortage(const error_code& ec) noexcept {
    return ec == errc::too_many_files_open || ec == errc::too_many_files_open_in_system ||
           ec == errc::not_enough_memory;
}

// Of a row that SQLite can read: it has no file, or its bytes are others.
bool is_damage(const error_code& ec) noexcept {
    return ec == errc::no_such_file_or_directory || ec == errc::bad_message;
}

// The disk, or the way to it, has failed: it says little about the payload.
bool may_pass(const error_code& ec) noexcept {
    return is_unread(ec) || (ec && ec.category() == boost::system::system_category());
}

std::string text_of(const error_code& ec) {
    return ec == errc::bad_message ? "its bytes are not what was stored" : ec.message();
}

constexpr std::uint64_t no_row = 0; // of a page that no claim knows the row of

// How long it is left alone then.
std::chrono::milliseconds pause_after(int times) noexcept {
    return std::chrono::seconds(1) * (1 << std::min(times - 1, most_reads - 2));
}

} // namespace

result<claimed_payloads> sqlite_queue::claim(std::size_t most, milliseconds lease,
                                             const std::string& owner,
                                             const std::string& upstream) {
    claimed_payloads claimed;
    most = std::min(most, most_claimed);
    const std::int64_t until = now() + std::max<std::int64_t>(0, lease.count());
    // What is damaged makes room for others.
    for (bool more = most > 0; more && claimed.payloads.size() < most;) {
        const auto rows = due_rows(most - claimed.payloads.size(), upstream);
        if (!rows) return rows.error();
        more = false;
        for (const std::uint64_t sequence : *rows) {
            const unread_payload* const unread = unread_now(sequence);
            if (unread != nullptr && unread->row) continue;
            if (claimed.payloads.size() == most) break;
            auto taken = take(sequence, until, owner);
            if (!taken) return taken.error();
            more = more || !*taken;
            if (*taken) claimed.payloads.push_back(std::move(**taken));
        }
    }
    const auto next = next_due(upstream);
    if (!next) return next.error();
    claimed.next_due = *next;
    return claimed;
}

result<std::vector<std::uint64_t>> sqlite_queue::due_rows(std::size_t most,
                                                          const std::string& upstream) {
    std::vector<std::uint64_t> rows;
    const std::int64_t at = now();
    most += unread_.size(); // which are passed over
    const auto add = [&](sqlite_statement& from, std::int64_t bound) -> error_code {
        const sqlite_rows reset(from);
        if (const error_code failed = from.begin(bound, as_integer(most - rows.size()), upstream))
            return failed;
        for (;;) {
            const auto row = from.next();
            if (!row) return row.error();
            if (!*row) return {};
            rows.push_back(static_cast<std::uint64_t>(from.integer(0)));
        }
    };
    error_code failed = add(statements_.due, at);
    if (!failed && rows.size() < most)
        failed = add(statements_.due_by_set_clock, at + options_.longest_wait.count());
    if (failed) return failed;
    return rows;
}

// Nothing when it is damaged, and has been set aside. SQLITE_CORRUPT is the database's: `salvage`.
result<std::optional<stored_payload>> sqlite_queue::take(std::uint64_t sequence, std::int64_t until,
                                                         const std::string& owner) {
    std::string file;
    auto entry = read_row(sequence, file);
    if (!entry) return row_unread(sequence, entry.error());
    std::optional<stored_payload> taken(stored_payload{std::move(*entry)});
    const auto pass_over = [&]() -> result<std::optional<stored_payload>> {
        if (const error_code failed = put_off(taken->entry)) return failed;
        return std::optional<stored_payload>();
    };
    if (unread_now(sequence) != nullptr) return pass_over();
    const error_code damage = read_whole(*taken, file);
    if (is_shortage(damage)) return make_error_code(errc::not_enough_memory);
    if (may_pass(damage) && !is_damage(damage)) {
        note_unread(sequence, taken->entry.id.text(), damage);
        // SQLite has rolled the group back, which begins anew.
        if (is_unread(damage)) return damage;
        return pass_over();
    }
    if (is_damage(damage)) {
        if (const error_code failed = set_aside(taken->entry, text_of(damage))) return failed;
        return std::optional<stored_payload>();
    }
    if (damage) return damage;
    unread_.erase(sequence);
    if (const error_code failed = statements_.lease.run(as_integer(sequence), until, owner))
        return failed;
    taken->entry.attempts += 1;
    taken->entry.lease_owner = owner;
    taken->entry.lease_until = queue_entry::time_point(milliseconds(until));
    return taken;
}

result<queue_entry> sqlite_queue::read_row(std::uint64_t sequence, std::string& file) {
    auto& entry = statements_.entry;
    const sqlite_rows rows(entry);
    if (const error_code failed = entry.begin(as_integer(sequence))) return failed;
    const auto there = entry.next();
    if (!there) return there.error();
    if (!*there) return error_code(SQLITE_CORRUPT, sqlite_category()); // an index has it
    file = entry.text(file_column);
    return read_entry(entry);
}

// The bytes, which are those that were stored.
error_code sqlite_queue::read_whole(stored_payload& into, const std::string& file) {
    into.age = options_.now() - into.entry.waiting_since;
    auto body = read_body(into.entry.sequence, file);
    if (!body) return body.error();
    into.body = std::move(*body);
    if (into.body.size() != into.entry.size) return make_error_code(errc::bad_message);
    const auto sum = checksum_of(into.body);
    if (!sum) return sum.error();
    if (*sum != into.entry.crc32c) return make_error_code(errc::bad_message);
    return {};
}

result<payload> sqlite_queue::read_body(std::uint64_t sequence, const std::string& file) {
    if (!file.empty()) {
        auto opened = files_.open(file);
        if (!opened) return opened.error();
        return payload(std::move(*opened));
    }
    auto& body = statements_.body;
    const sqlite_rows rows(body);
    if (const error_code failed = body.begin(as_integer(sequence))) return failed;
    const auto there = body.next();
    if (!there) return there.error();
    if (!*there) return make_error_code(errc::bad_message);
    payload made;
    made.append(body.blob(0));
    return made;
}

error_code sqlite_queue::set_aside(const queue_entry& what, std::string_view why) {
    options_.log(log_level::error, "queue payload set aside",
                 {{"id", what.id.text()}, {"what", why}});
    const error_code failed = statements_.set_state.run(
        as_integer(what.sequence), static_cast<std::int64_t>(queue_state::set_aside), why);
    if (failed) return failed;
    count(what.state, -1, -as_integer(what.size));
    count(queue_state::set_aside, 1, as_integer(what.size));
    return release_next({.sequence = what.sequence,
                         .size = what.size,
                         .state = what.state,
                         .peer = what.peer.host(),
                         .file = {}});
}

// Nothing when it may be read, for all that is known.
const sqlite_queue::unread_payload* sqlite_queue::unread_now(std::uint64_t sequence) const {
    const auto found = unread_.find(sequence);
    return found == unread_.end() || found->second.until <= now() ? nullptr : &found->second;
}

// Not even its row. What that is about is for a salvage to find out, when it has not passed.
error_code sqlite_queue::row_unread(std::uint64_t sequence, const error_code& why) {
    if (!is_unread(why)) return why;
    note_unread(sequence, {}, why);
    if (unread_[sequence].times < most_reads) return why;
    gives_up_unread_ = true;
    return {SQLITE_CORRUPT, sqlite_category()};
}

error_code sqlite_queue::page_unread(const error_code& why) {
    constexpr milliseconds long_ago = std::chrono::minutes(5);
    unread_payload& page = unread_[no_row];
    if (now() - page.until > long_ago.count()) page.times = 0;
    if (unread_now(no_row) != nullptr) return why;
    return row_unread(no_row, why);
}

void sqlite_queue::note_unread(std::uint64_t sequence, std::string_view id, const error_code& why) {
    unread_payload& one = unread_[sequence];
    const milliseconds pause = pause_after(++one.times);
    one.until = now() + pause.count();
    one.why = why;
    one.row = id.empty();
    ++times_unread_;
    options_.log(log_level::warning, "queue payload not read",
                 {{"id", id},
                  {"what", text_of(why)},
                  {"times", static_cast<std::int64_t>(one.times)},
                  {"retry_ms", static_cast<std::int64_t>(pause.count())}});
}

// It is left alone for a while, and set aside when that has not helped.
error_code sqlite_queue::put_off(const queue_entry& what) {
    const unread_payload& one = unread_.at(what.sequence);
    const std::string why = "it cannot be read: " + text_of(one.why);
    if (one.times >= most_reads) return set_aside(what, why);
    return statements_.put_off.run(as_integer(what.sequence), one.until, why);
}

result<std::optional<sqlite_queue::milliseconds>>
sqlite_queue::next_due(const std::string& upstream) {
    constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    const std::int64_t at = now();
    std::int64_t next = never;
    for (sqlite_statement* each : {&statements_.next_due, &statements_.next_lease_end}) {
        const sqlite_rows rows(*each);
        if (const error_code failed = each->begin(at, upstream)) return failed;
        const auto there = each->next();
        if (!there) return there.error();
        if (*there) next = std::min(next, each->integer(0));
    }
    std::optional<milliseconds> wait;
    if (next != never) wait = std::min(milliseconds(next - at), options_.longest_wait);
    return wait;
}

} // namespace finpost::detail
