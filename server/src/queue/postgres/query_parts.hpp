#pragma once

// What the statements of a queue in a PostgreSQL have in common.

#include "queue/postgres/statement.hpp"

#include <string>
#include <string_view>

namespace finpost::detail {

inline constexpr const char* begin_transaction = "begin isolation level read committed read write";

// Times leave the database as milliseconds since 1970.
inline constexpr const char* payload_columns =
    "p.id::text, p.idempotency_key, p.sequence, p.listener, p.upstream, p.peer, "
    "p.peer_port::int8, p.tls_name, p.local, floor(extract(epoch from p.accepted_at) * "
    "1000)::int8, floor(extract(epoch from p.waiting_since) * 1000)::int8, p.size, p.crc32c, "
    "p.state::int8, p.attempts::int8, case when p.due < 'infinity' then floor(extract(epoch from "
    "p.due) * 1000)::int8 end, floor(extract(epoch from p.lease_until) * 1000)::int8, "
    "p.lease_owner, p.last_status::int8, p.last_error, floor(extract(epoch from "
    "statement_timestamp() - p.waiting_since) * 1000)::int8";
inline constexpr int body_column = 21;

// Of a writer's own rows: nobody else waits for them.
inline constexpr const char* into_books =
    " on conflict (writer, state) do update set payloads = t.payloads + excluded.payloads, bytes "
    "= t.bytes + excluded.bytes)";

// The next one of each source whose first has left, as `gone` says: the one that is behind it.
inline constexpr const char* release_next =
    "released as (update finpost_payloads set due = statement_timestamp() where sequence in "
    "(select (select n.sequence from finpost_payloads n where n.state = 0 and n.peer = g.peer and "
    "n.due = 'infinity' and n.sequence not in (select sequence from gone) order by n.sequence "
    "limit 1) from (select distinct peer from gone where state = 0) g where not exists (select 1 "
    "from finpost_payloads h where h.state = 0 and h.peer = g.peer and h.due < 'infinity' and "
    "h.sequence not in (select sequence from gone))))";

// Whoever stores or removes a payload of a source has its lock until the transaction ends, so that
// no two see the same first payload of it. In one order, so that no two wait for each other.
inline void lock_sources(std::string_view hashes_from, postgres_statements& out) {
    std::string sql = "select pg_advisory_xact_lock(k) from (select distinct "
                      "hashtextextended(peer, 0) as k from ";
    (sql += hashes_from) += " order by 1) as sources";
    out.emplace_back(sql);
}

} // namespace finpost::detail
