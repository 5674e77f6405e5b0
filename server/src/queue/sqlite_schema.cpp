#include "queue/sqlite_schema.hpp"

#include <string>

namespace finpost::detail {

namespace {

constexpr const char* connection_settings = "pragma journal_mode = wal;"
                                            "pragma synchronous = full;"
                                            "pragma secure_delete = off;"
                                            "pragma busy_timeout = 0;"
                                            "pragma mmap_size = 0;"
                                            "pragma cell_size_check = on;"
                                            "pragma trusted_schema = off;"
                                            "pragma temp_store = memory;"
                                            "pragma journal_size_limit = 16777216;";

// Bodies have a table of their own: a lease that is set, or an error that is noted, does not write
// them again. Times are milliseconds since 1970. A row that is behind another one of its source is
// due at the end of time.
constexpr const char* schema = R"(
create table payloads(
    sequence        integer primary key,
    id              text not null,
    idempotency_key text not null,
    listener        text not null,
    upstream        text not null,
    peer            text not null,
    peer_port       integer not null,
    tls_name        text not null,
    accepted_at     integer not null,
    waiting_since   integer not null,
    size            integer not null,
    crc32c          integer not null,
    state           integer not null, -- 0 waiting, 1 dead, 2 set aside
    attempts        integer not null,
    due             integer not null,
    lease_until     integer not null, -- 0 without a lease
    lease_owner     text not null,
    last_status     integer not null,
    last_error      text not null,
    file            text,             -- in the folder payloads; null: in the table bodies
    local           text not null
);
create unique index payloads_by_id on payloads(id);
create index payloads_by_state on payloads(state);
create index payloads_due on payloads(state, upstream, due, lease_until) where state = 0;
create index payloads_leased on payloads(lease_until) where lease_until > 0;
create index payloads_in_files on payloads(file) where file is not null;
create table bodies(sequence integer primary key, body blob not null);
create table totals(state integer primary key, payloads integer not null, bytes integer not null);
insert into totals values (0, 0, 0), (1, 0, 0), (2, 0, 0);
create table settings(version integer not null, ordered integer not null);
insert into settings values (1, 0);
pragma application_id = 0x66706f71;
)";

// What one source's rows need that become due one after another.
constexpr const char* to_ordered = R"(
create index payloads_by_source on payloads(state, peer, due) where state = 0;
update payloads set due = 9223372036854775807 where state = 0 and sequence not in
    (select min(sequence) from payloads where state = 0 group by peer);
update settings set ordered = 1;
)";
constexpr const char* to_unordered = R"(
drop index payloads_by_source;
update payloads set due = waiting_since where state = 0 and due = 9223372036854775807;
update settings set ordered = 0;
)";

parse_error failure(sqlite_database& database, const char* doing) {
    return {std::string(doing) + ": " + database.message()};
}

parsed<void> transact(sqlite_database& database, const char* sql, const char* doing) {
    for (const char* const each : {"begin immediate", sql, "commit"}) {
        if (!database.run(each)) continue;
        parse_error why = failure(database, doing);
        if (database.in_transaction()) database.run("rollback");
        return why;
    }
    return {};
}

parsed<void> check_version(sqlite_database& database) {
    const auto version = database.ask("select version from settings");
    if (!version || !*version) return failure(database, "the version of its schema cannot be read");
    if (**version == std::to_string(queue_schema_version)) return {};
    return parse_error{"its schema has version " + **version + ", and this finpost knows " +
                       std::to_string(queue_schema_version) +
                       ": use the finpost that wrote it, or a newer one"};
}

parsed<void> make_or_check(sqlite_database& database) {
    const auto tables = database.ask("select count(*) from sqlite_master");
    const auto maker = database.ask("pragma application_id");
    if (!tables || !*tables || !maker || !*maker) return failure(database, "it cannot be read");
    if (**tables == "0") return transact(database, schema, "its schema cannot be made");
    if (**maker != std::to_string(0x66706f71)) return parse_error{"it is not a queue of finpost's"};
    return check_version(database);
}

} // namespace

parsed<bool> prepare_schema(sqlite_database& database, std::optional<bool> ordered) {
    // Before the first page; later it would be written again at each start.
    const auto pages = database.ask("pragma page_count");
    if (pages && *pages == "0" && database.run("pragma auto_vacuum = incremental"))
        return failure(database, "it cannot be made");
    if (database.run(connection_settings)) return failure(database, "it cannot be opened");
    const auto mode = database.ask("pragma journal_mode");
    if (!mode || *mode != "wal") return failure(database, "it has no write-ahead log");
    const auto made = make_or_check(database);
    if (!made) return made.error();
    const auto was = database.ask("select ordered from settings");
    if (!was || !*was) return failure(database, "its settings cannot be read");
    const bool is_ordered = **was == "1";
    if (ordered.value_or(is_ordered) == is_ordered) return is_ordered;
    const auto changed = transact(database, *ordered ? to_ordered : to_unordered,
                                  "the order of its payloads cannot be changed");
    if (!changed) return changed.error();
    return *ordered;
}

} // namespace finpost::detail
