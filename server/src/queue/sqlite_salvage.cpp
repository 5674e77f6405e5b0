#include "queue/sqlite_salvage.hpp"

#include "queue/sqlite_schema.hpp"
#include "queue/sqlite_statements.hpp"

#include <set>
#include <string_view>

namespace finpost::detail {

namespace {

constexpr int columns = 21; // of the table payloads

// Each way ends where it meets the damage; from both ends, it is met from both sides.
constexpr std::string_view ways[] = {
    "select sequence from payloads not indexed order by sequence",
    "select sequence from payloads not indexed order by sequence desc",
    "select sequence from payloads indexed by payloads_by_id order by id",
    "select sequence from payloads indexed by payloads_by_id order by id desc",
    "select sequence from payloads indexed by payloads_by_state order by state, sequence",
    "select sequence from payloads indexed by payloads_by_state order by state desc, sequence desc",
    "select sequence from bodies order by sequence",
    "select sequence from bodies order by sequence desc",
};

std::set<std::int64_t> known_sequences(sqlite_database& from, error_code& unread) {
    std::set<std::int64_t> known;
    for (const std::string_view way : ways) {
        sqlite_statement rows;
        if (rows.prepare(from.get(), way, false)) continue;
        auto row = rows.next();
        for (; row && *row; row = rows.next()) known.insert(rows.integer(0));
        if (!row && is_unread(row.error())) unread = row.error();
    }
    return known;
}

class copier {
public:
    copier(sqlite_database& from, sqlite_database& to) : from_(from), to_(to) {}

    error_code prepare() {
        std::string values = "?";
        for (int i = 1; i < columns; ++i) values += ", ?";
        error_code failed = read_.prepare(from_.get(), "select * from payloads where sequence = ?");
        if (!failed)
            failed = check_.prepare(from_.get(), std::string("select ") + entry_columns +
                                                     " from payloads where sequence = ?");
        if (!failed)
            failed = body_.prepare(from_.get(), "select body from bodies where sequence = ?");
        if (!failed)
            failed = insert_.prepare(to_.get(),
                                     "insert or ignore into payloads values (" + values + ")");
        if (!failed) failed = insert_body_.prepare(to_.get(), "insert into bodies values (?, ?)");
        return failed;
    }

    // Fails only where it cannot write.
    error_code copy(std::int64_t sequence) {
        const sqlite_rows first(read_);
        const sqlite_rows second(check_);
        const sqlite_rows third(body_);
        if (!has_row(check_, sequence) || !read_entry(check_) || !has_row(read_, sequence)) {
            ++rows_.lost;
            return {};
        }
        insert_.reset();
        error_code failed;
        for (int i = 0; i < columns; ++i)
            if (!failed) failed = insert_.bind_column(i + 1, read_, i);
        if (!failed) failed = insert_.run_bound();
        if (failed) return failed;
        ++rows_.copied;
        if (!check_.text(file_column).empty()) return {};
        if (has_row(body_, sequence)) return insert_body_.run(sequence, body_.blob(0));
        ++rows_.without_body; // it is set aside when it is claimed
        return {};
    }

    const salvaged_rows& rows() const noexcept { return rows_; }
    /// Set when a page could not be read: it may be as it should.
    const error_code& unread() const noexcept { return unread_; }

private:
    bool has_row(sqlite_statement& statement, std::int64_t sequence) {
        if (statement.begin(sequence)) return false;
        const auto row = statement.next();
        if (!row && is_unread(row.error())) unread_ = row.error();
        return row && *row;
    }

    sqlite_database& from_;
    sqlite_database& to_;
    sqlite_statement read_, check_, body_, insert_, insert_body_;
    salvaged_rows rows_;
    error_code unread_;
};

// A row that was due at the end of time may be the first of its source now, if none is due: what
// was replayed is behind others, though it is older.
constexpr const char* first_of_source =
    "update payloads set due = waiting_since where state = 0 and due = 9223372036854775807 and "
    "sequence = (select min(sequence) from payloads as p where p.state = 0 and p.peer = "
    "payloads.peer) and not exists(select 1 from payloads as p where p.state = 0 and p.peer = "
    "payloads.peer and p.due < 9223372036854775807)";
constexpr const char* count_again =
    "update totals set (payloads, bytes) = (select count(*), coalesce(sum(size), 0) from payloads "
    "where payloads.state = totals.state)";

error_code copy_all(sqlite_database& from, sqlite_database& to, const salvage_rules& rules,
                    salvaged_rows& rows) {
    constexpr std::size_t rows_at_once = 10'000;
    error_code unread;
    copier copies(from, to);
    error_code failed = copies.prepare();
    // What is written is synced at the end, at once.
    if (!failed) failed = to.run("pragma synchronous = off");
    if (!failed) failed = to.run("begin");
    std::size_t seen = 0;
    for (const std::int64_t sequence : known_sequences(from, unread)) {
        if (!failed) failed = copies.copy(sequence);
        if (failed || ++seen % rows_at_once != 0) continue;
        failed = to.run("commit");
        if (!failed) failed = to.checkpoint(false);
        if (!failed) failed = to.run("begin");
    }
    rows = copies.rows();
    if (copies.unread()) unread = copies.unread();
    if (!failed && !rules.without_unread) failed = unread;
    if (!failed && rules.ordered) failed = to.run(first_of_source);
    for (const char* const each : {count_again, "commit", "pragma synchronous = full"})
        if (!failed) failed = to.run(each);
    return failed ? failed : to.checkpoint(true);
}

} // namespace

parsed<salvaged_rows> salvage_rows(sqlite_database& from, const std::string& path,
                                   const salvage_rules& rules) {
    auto made = sqlite_database::open(path);
    if (!made) return made.error();
    sqlite_database& to = **made;
    const auto schema = prepare_schema(to, rules.ordered);
    if (!schema) return parse_error{path + ": " + schema.error().message};
    salvaged_rows rows;
    if (const error_code failed = copy_all(from, to, rules, rows))
        return parse_error{path + ": " + failed.message()};
    return rows;
}

} // namespace finpost::detail
