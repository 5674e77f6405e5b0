// What operators ask for.
#include "queue/sqlite_queue.hpp"
#include "queue/store_limits.hpp"

#include <algorithm>
#include <utility>

namespace finpost::detail {

namespace {

// The rows that are meant, each value a parameter.
class selection {
public:
    selection(const queue_filter& filter, queue_page page, std::string_view columns) {
        sql_ = "select " + std::string(columns) + " from payloads where sequence > ?";
        integers_.emplace_back(1, as_integer(page.after));
        if (filter.state) {
            sql_ += " and state = ?";
            integers_.emplace_back(next(), static_cast<std::int64_t>(*filter.state));
        }
        if (filter.listener) add_text(" and listener = ?", *filter.listener);
        if (filter.upstream) add_text(" and upstream = ?", *filter.upstream);
        const std::size_t ids = std::min(filter.ids.size(), most_ids);
        for (std::size_t i = 0; i < ids; ++i)
            add_text(i == 0 ? " and id in (?" : ", ?", std::string(filter.ids[i].text()));
        if (ids > 0) sql_ += ')';
        sql_ += " order by sequence limit ?";
        integers_.emplace_back(next(),
                               as_integer(std::clamp<std::size_t>(page.most, 1, most_rows)));
    }

    error_code prepare(sqlite_statement& statement, sqlite3* database) const {
        error_code failed = statement.prepare(database, sql_, false);
        for (const auto& [at, value] : integers_)
            if (!failed) failed = statement.bind(at, value);
        for (const auto& [at, value] : texts_)
            if (!failed) failed = statement.bind(at, std::string_view(value));
        return failed;
    }

private:
    int next() noexcept { return ++last_; }
    void add_text(std::string_view sql, std::string value) {
        sql_ += sql;
        texts_.emplace_back(next(), std::move(value));
    }

    std::string sql_;
    int last_ = 1;
    std::vector<std::pair<int, std::int64_t>> integers_;
    std::vector<std::pair<int, std::string>> texts_;
};

} // namespace

result<std::vector<queue_entry>> sqlite_queue::list(const queue_filter& filter, queue_page page) {
    std::vector<queue_entry> found;
    sqlite_statement statement;
    const selection wanted(filter, page, entry_columns);
    if (const error_code failed = wanted.prepare(statement, database_->get())) return failed;
    for (;;) {
        const auto row = statement.next();
        if (!row) return row.error();
        if (!*row) return found;
        auto entry = read_entry(statement);
        if (entry) found.push_back(std::move(*entry)); // the others are there all the same
    }
}

result<std::optional<stored_payload>> sqlite_queue::show(const request_id& id) {
    std::optional<stored_payload> found;
    std::string file;
    {
        auto& by_id = statements_.by_id;
        const sqlite_rows rows(by_id);
        if (const error_code failed = by_id.begin(id.text())) return failed;
        const auto there = by_id.next();
        if (!there) return there.error();
        if (!*there) return queue_error::not_found;
        auto entry = read_entry(by_id);
        if (!entry) return entry.error();
        file = by_id.text(file_column);
        found = stored_payload{std::move(*entry)};
    }
    // Bytes that are damaged are shown as they are: whoever asks compares them, and nobody waits
    // for a large file meanwhile.
    found->age = options_.now() - found->entry.waiting_since;
    auto body = read_body(found->entry.sequence, file);
    if (body) found->body = std::move(*body);
    return found;
}

result<std::vector<sqlite_queue::stored_row>>
sqlite_queue::choose(const queue_filter& filter, queue_page page, bool ended_only) {
    std::vector<stored_row> chosen;
    sqlite_statement statement;
    const selection wanted(filter, page, "sequence, size, state, peer, file");
    if (const error_code failed = wanted.prepare(statement, database_->get())) return failed;
    for (;;) {
        const auto there = statement.next();
        if (!there) return there.error();
        if (!*there) return chosen;
        const auto state = static_cast<queue_state>(statement.integer(2));
        if (ended_only && state == queue_state::waiting) continue;
        chosen.push_back({static_cast<std::uint64_t>(statement.integer(0)),
                          static_cast<std::uint64_t>(statement.integer(1)), state,
                          std::string(statement.text(3)), std::string(statement.text(4))});
    }
}

result<std::size_t> sqlite_queue::replay(const queue_filter& filter, queue_page page) {
    std::size_t replayed = 0;
    // What waits stays as it is, and is not looked at: there may be a million of them.
    for (const queue_state state : {queue_state::dead, queue_state::set_aside}) {
        queue_filter of_state = filter;
        if (filter.state && *filter.state != state) continue;
        of_state.state = state;
        const auto rows = choose(of_state, {page.after, page.most}, true);
        if (!rows) return rows.error();
        for (const stored_row& each : *rows) {
            if (replayed == page.most) break;
            const std::int64_t due = options_.ordered ? behind_another : now();
            if (const error_code failed =
                    statements_.replay.run(as_integer(each.sequence), due, now()))
                return failed;
            unread_.erase(each.sequence);
            count(each.state, -1, -as_integer(each.size));
            count(queue_state::waiting, 1, as_integer(each.size));
            stored_row waits = each;
            waits.state = queue_state::waiting;
            if (const error_code failed = release_next(waits)) return failed;
            ++replayed;
        }
    }
    return replayed;
}

result<std::size_t> sqlite_queue::drop(const queue_filter& filter, queue_page page) {
    const auto rows = choose(filter, page, false);
    if (!rows) return rows.error();
    for (const stored_row& each : *rows)
        if (const error_code failed = remove(each)) return failed;
    return rows->size();
}

result<queue_stats> sqlite_queue::stats() {
    queue_stats now_there = totals_;
    now_there.max_bytes = options_.max_bytes;
    {
        auto& delivering = statements_.delivering;
        const sqlite_rows rows(delivering);
        if (const error_code failed = delivering.begin(now())) return failed;
        const auto there = delivering.next();
        if (!there) return there.error();
        now_there.delivering = static_cast<std::uint64_t>(delivering.integer(0));
    }
    auto& oldest = statements_.oldest;
    const sqlite_rows rows(oldest);
    const auto there = oldest.next();
    if (!there && is_unread(there.error())) return now_there; // the rest is known all the same
    if (!there) return there.error();
    if (*there) now_there.oldest = milliseconds(now() - oldest.integer(0));
    return now_there;
}

} // namespace finpost::detail
