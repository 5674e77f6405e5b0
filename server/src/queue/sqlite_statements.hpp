#pragma once

#include "queue/sqlite.hpp"

#include "finpost/queued_payload.hpp"
#include "finpost/result.hpp"

#include <cstdint>
#include <limits>
#include <string>

namespace finpost::detail {

/// When a row is due that is behind another one of its source.
inline constexpr std::int64_t behind_another = std::numeric_limits<std::int64_t>::max();

/// The columns of a `queue_entry`, as `read_entry` reads them, and the file after them.
inline constexpr const char* entry_columns =
    "id, idempotency_key, sequence, listener, upstream, peer, peer_port, tls_name, accepted_at, "
    "waiting_since, size, crc32c, state, attempts, due, lease_until, lease_owner, last_status, "
    "last_error, file, local";
inline constexpr int file_column = 19;

/// Fails with SQLITE_CORRUPT when a column is not what was written.
result<queue_entry> read_entry(const sqlite_statement& row);

/// What a queue asks its database, prepared once.
struct sqlite_statements {
    error_code prepare(sqlite3* database, bool ordered);

    sqlite_statement insert, insert_body;
    sqlite_statement find, remove, remove_body, release_next;
    sqlite_statement due, due_by_set_clock, entry, body, lease, set_state;
    sqlite_statement next_due, next_lease_end;
    sqlite_statement put_off, fail, bury, replay, by_id, oldest, delivering, save_totals;

private:
    error_code prepare_changes(sqlite3* database, const std::string& due_at_first);
    error_code prepare_questions(sqlite3* database);
};

} // namespace finpost::detail
