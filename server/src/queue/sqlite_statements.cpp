#include "queue/sqlite_statements.hpp"

#include <sqlite3.h>

#include <chrono>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

queue_entry::time_point time_of(std::int64_t value) {
    return queue_entry::time_point(milliseconds(value));
}

socket_address address_of(std::string_view host, std::int64_t port) {
    const auto number = static_cast<std::uint16_t>(port);
    const auto read = parse_socket_address(to_string(host_port{std::string(host), number}));
    return read ? *read : socket_address();
}

// The row that is due first of a source's; of an unordered queue every row is due at once.
std::string first_due(bool ordered) {
    if (!ordered) return "?8";
    return "case when exists(select 1 from payloads where state = 0 and peer = ?5) then "
           "9223372036854775807 else ?8 end";
}

using sources = std::initializer_list<std::pair<sqlite_statement&, std::string>>;

error_code prepare_all(sqlite3* database, const sources& all) {
    for (const auto& [statement, sql] : all)
        if (const error_code failed = statement.prepare(database, sql)) return failed;
    return {};
}

} // namespace

result<queue_entry> read_entry(const sqlite_statement& row) {
    const auto id = parse_request_id(row.text(0));
    const std::int64_t state = row.integer(12);
    if (!id || state < 0 || state >= static_cast<std::int64_t>(all_queue_states.size()))
        return error_code(SQLITE_CORRUPT, sqlite_category());
    queue_entry entry{.id = *id};
    entry.idempotency_key = row.text(1);
    entry.sequence = static_cast<std::uint64_t>(row.integer(2));
    entry.listener = row.text(3);
    entry.upstream = row.text(4);
    entry.peer = address_of(row.text(5), row.integer(6));
    entry.tls_name = row.text(7);
    entry.accepted_at = time_of(row.integer(8));
    entry.waiting_since = time_of(row.integer(9));
    entry.size = static_cast<std::uint64_t>(row.integer(10));
    entry.crc32c = static_cast<std::uint32_t>(row.integer(11));
    entry.state = static_cast<queue_state>(state);
    entry.attempts = static_cast<std::uint32_t>(row.integer(13));
    if (row.integer(14) != behind_another) entry.due = time_of(row.integer(14));
    entry.lease_until = time_of(row.integer(15));
    entry.lease_owner = row.text(16);
    entry.last_status = static_cast<int>(row.integer(17));
    entry.last_error = row.text(18);
    if (const auto local = parse_socket_address(row.text(20))) entry.local = *local;
    return entry;
}

// An unordered queue has no index for sources, and compares none.
error_code sqlite_statements::prepare(sqlite3* database, bool ordered) {
    error_code failed = prepare_changes(database, first_due(ordered));
    if (!failed) failed = prepare_questions(database);
    if (failed || !ordered) return failed;
    return release_next.prepare(
        database, "update payloads set due = ?2 where sequence = (select sequence from payloads "
                  "where state = 0 and peer = ?1 and due = 9223372036854775807 order by sequence "
                  "limit 1) and not exists(select 1 from payloads where state = 0 and peer = ?1 "
                  "and due < 9223372036854775807)");
}

error_code sqlite_statements::prepare_changes(sqlite3* database, const std::string& due_at_first) {
    return prepare_all(
        database,
        {
            {insert, "insert into payloads values (null, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, "
                     "?10, 0, 0, " +
                         due_at_first + ", 0, '', 0, '', ?11, ?12) on conflict(id) do nothing"},
            {insert_body, "insert or replace into bodies values (?, ?)"},
            {remove, "delete from payloads where sequence = ?"},
            {remove_body, "delete from bodies where sequence = ?"},
            {lease,
             "update payloads set attempts = attempts + 1, lease_until = ?2, lease_owner = ?3 "
             "where sequence = ?1"},
            {set_state, "update payloads set state = ?2, last_error = ?3, lease_until = 0, "
                        "lease_owner = '' where sequence = ?1"},
            {put_off, "update payloads set due = ?2, lease_until = 0, lease_owner = '', "
                      "last_error = ?3 where sequence = ?1"},
            {fail,
             "update payloads set due = ?4, lease_until = 0, lease_owner = '', last_status = ?5, "
             "last_error = ?6 where id = ?1 and lease_owner = ?2 and attempts = ?3 and state = "
             "0"},
            {bury,
             "update payloads set state = 1, lease_until = 0, lease_owner = '', last_status = "
             "?4, last_error = ?5 where id = ?1 and lease_owner = ?2 and attempts = ?3 and "
             "state = 0"},
            {replay,
             "update payloads set state = 0, attempts = 0, due = ?2, waiting_since = ?3 where "
             "sequence = ?1"},
            {save_totals, "update totals set payloads = ?2, bytes = ?3 where state = ?1"},
        });
}

error_code sqlite_statements::prepare_questions(sqlite3* database) {
    const std::string columns = entry_columns;
    return prepare_all(
        database,
        {
            {find, "select sequence, size, state, peer, file from payloads where id = ?"},
            {due,
             "select sequence from payloads where state = 0 and upstream = ?3 and due <= ?1 and "
             "lease_until <= ?1 order by due, lease_until, sequence limit ?2"},
            {due_by_set_clock,
             "select sequence from payloads where state = 0 and upstream = ?3 and due > ?1 and "
             "due < 9223372036854775807 and lease_until = 0 order by due, lease_until, sequence "
             "limit ?2"},
            {entry, "select " + columns + " from payloads where sequence = ?"},
            {body, "select body from bodies where sequence = ?"},
            {next_due, "select due from payloads where state = 0 and upstream = ?2 and due > ?1 "
                       "and due < 9223372036854775807 order by due limit 1"},
            {next_lease_end,
             "select lease_until from payloads where lease_until > 0 and lease_until > ?1 "
             "and upstream = ?2 order by lease_until limit 1"},
            {by_id, "select " + columns + " from payloads where id = ?"},
            {oldest,
             "select waiting_since from payloads where state = 0 order by sequence limit 1"},
            {delivering, "select count(*) from payloads where lease_until > 0 and lease_until > ?"},
        });
}

} // namespace finpost::detail
