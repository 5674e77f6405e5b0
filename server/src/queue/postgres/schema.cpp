#include "queue/postgres/schema.hpp"

#include "queue/postgres/query_parts.hpp"

#include <initializer_list>

namespace finpost::detail {

namespace {

// Of advisory locks: what makes the tables, and who changes the order.
constexpr const char* lock_schema = "select pg_advisory_xact_lock(7378697629483820646)";

// A body stands outside of its row and is not compressed: a lease that is set, or an error that is
// noted, does not write it again. A row that is behind another one of its source is due at the end
// of time.
constexpr const char* payloads_table = R"(
create table finpost_payloads(
    sequence        bigint generated always as identity primary key,
    id              uuid not null unique,
    idempotency_key text not null,
    listener        text not null,
    upstream        text not null,
    peer            text not null,
    peer_port       integer not null,
    tls_name        text not null,
    local           text not null,
    accepted_at     timestamptz not null,
    waiting_since   timestamptz not null,
    size            bigint not null,
    crc32c          bigint not null,
    state           smallint not null, -- 0 waiting, 1 dead, 2 set aside
    attempts        integer not null,
    due             timestamptz not null,
    lease_until     timestamptz,       -- null without a lease
    lease_owner     text not null,
    last_status     integer not null,
    last_error      text not null,
    body            bytea not null
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_insert_scale_factor = 0.1,
        autovacuum_analyze_scale_factor = 0.05, toast.autovacuum_vacuum_scale_factor = 0.01))";

// The books: each writer has rows of its own, which nobody else waits for, and the sum counts.
constexpr const char* totals_table = R"(
create table finpost_totals(
    writer   text not null,
    state    smallint not null,
    payloads bigint not null,
    bytes    bigint not null,
    primary key (writer, state)
) with (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.01))";

constexpr const char* settings_table = R"(
create table finpost_settings(version integer not null, ordered boolean not null,
                              standbys boolean not null))";

postgres_statements all_of(std::initializer_list<const char*> sql) {
    postgres_statements out;
    for (const char* const each : sql) out.emplace_back(each);
    return out;
}

constexpr const char* about_server = R"(
select current_setting('synchronous_commit'), current_setting('fsync'),
       current_setting('synchronous_standby_names'), current_setting('server_encoding'),
       to_regclass('finpost_payloads') is not null and to_regclass('finpost_totals') is not null
           and to_regclass('finpost_settings') is not null)";

constexpr const char* about_rights = R"(
select coalesce(string_agg(lower(p) || ' on ' || t, ', ' order by t, p), '')
from (values ('finpost_payloads', 'SELECT'), ('finpost_payloads', 'INSERT'),
             ('finpost_payloads', 'UPDATE'), ('finpost_payloads', 'DELETE'),
             ('finpost_totals', 'SELECT'), ('finpost_totals', 'INSERT'),
             ('finpost_totals', 'UPDATE'), ('finpost_settings', 'SELECT')) as needed(t, p)
where not has_table_privilege(to_regclass(t), p))";

constexpr const char* no_time_limits = R"(
select set_config(name, '0', false) from pg_settings
where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout'))";

} // namespace

postgres_statements schema_statements() {
    return all_of({
        begin_transaction,
        lock_schema,
        payloads_table,
        "alter table finpost_payloads alter column body set storage external",
        "create index finpost_payloads_due on finpost_payloads(upstream, due, sequence) "
        "where state = 0",
        "create index finpost_payloads_leased on finpost_payloads(lease_until) "
        "where lease_until is not null",
        "create index finpost_payloads_by_source on finpost_payloads(peer, due, sequence) "
        "where state = 0",
        "create index finpost_payloads_ended on finpost_payloads(sequence) where state <> 0",
        totals_table,
        settings_table,
        "insert into finpost_settings values (1, false, false)",
        "commit",
    });
}

postgres_statements note_standbys() {
    return all_of({"update finpost_settings set standbys = "
                   "current_setting('synchronous_standby_names') <> ''"});
}

postgres_statements ask_server() { return all_of({about_server, about_rights, no_time_limits}); }

void read_server(const std::vector<postgres_answer>& answers, postgres_server& into) {
    const postgres_answer& is = answers.at(0);
    into.synchronous_commit = is.text(0, 0);
    into.fsync = is.text(0, 1);
    into.standbys = is.text(0, 2);
    into.encoding = is.text(0, 3);
    into.has_tables = is.truth(0, 4);
    into.missing_rights = answers.at(1).text(0, 0);
}

postgres_statements ask_settings() {
    return all_of({"select version::int8, ordered, standbys from finpost_settings"});
}

void read_settings(const std::vector<postgres_answer>& answers, postgres_server& into) {
    const postgres_answer& is = answers.at(0);
    if (is.rows() != 1) return; // version 0
    into.version = is.number(0, 0);
    into.ordered = is.truth(0, 1);
    into.standbys_wanted = is.truth(0, 2);
}

parsed<void> judge_durability(const postgres_server& server, bool unsafe) {
    if (server.encoding != "UTF8")
        return parse_error{"server_encoding is " + server.encoding +
                           ": the database has to be UTF8"};
    if (unsafe) return {};
    const std::string insist = ", and payloads that were acknowledged can be lost";
    if (server.synchronous_commit != "on" && server.synchronous_commit != "remote_apply")
        return parse_error{"synchronous_commit is " + server.synchronous_commit + insist +
                           ": it has to be on or remote_apply"};
    if (server.fsync != "on") return parse_error{"fsync is off" + insist};
    if (server.standbys_wanted && server.standbys.empty())
        return parse_error{"synchronous_standby_names is empty, as it was not when the queue was "
                           "made: this server waits for no standby" +
                           insist};
    return {};
}

parsed<void> judge_tables(const postgres_server& server) {
    if (!server.has_tables)
        return parse_error{"there is no queue in this database: finpost queue init "
                           "--queue-database makes one"};
    if (!server.missing_rights.empty())
        return parse_error{"the user lacks rights: " + server.missing_rights};
    return {};
}

postgres_statements change_order(bool ordered) {
    constexpr const char* one_by_one =
        "update finpost_payloads set due = 'infinity' where state = 0 and due < 'infinity' and "
        "sequence not in (select min(sequence) from finpost_payloads where state = 0 group by "
        "peer)";
    constexpr const char* first_ones =
        "update finpost_payloads set due = waiting_since where state = 0 and due = 'infinity' "
        "and sequence in (select min(sequence) from finpost_payloads where state = 0 group by "
        "peer)";
    constexpr const char* all_at_once = "update finpost_payloads set due = waiting_since where "
                                        "state = 0 and due = 'infinity'";
    // Nobody stores, takes or removes meanwhile.
    constexpr const char* alone = "lock table finpost_payloads in share row exclusive mode";
    if (ordered)
        return all_of({begin_transaction, lock_schema, alone, one_by_one, first_ones,
                       "update finpost_settings set ordered = true", "commit"});
    return all_of({begin_transaction, lock_schema, alone, all_at_once,
                   "update finpost_settings set ordered = false", "commit"});
}

} // namespace finpost::detail
