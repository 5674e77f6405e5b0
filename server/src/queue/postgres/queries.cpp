#include "queue/postgres/queries.hpp"

#include "queue/crc32c.hpp"
#include "queue/postgres/query_parts.hpp"
#include "queue/store_limits.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace finpost::detail {

namespace {

constexpr std::int64_t largest_put = 512 << 20; // a value in PostgreSQL has 1 GB
constexpr std::chrono::milliseconds longest_wait = std::chrono::hours(24);

constexpr const char* put_sql = R"(
with room as materialized (
    select coalesce(sum(bytes), 0) <= $2::int8 - $3::int8 as fits from finpost_totals),
given as (
    select * from unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int8[],
                         $10::text[], $11::text[], $12::int8[], $13::int8[], $14::bytea[])
        with ordinality as g(id, idempotency_key, listener, upstream, peer, peer_port, tls_name,
                             local, size, crc32c, body, n)),
stored as (
    insert into finpost_payloads(id, idempotency_key, listener, upstream, peer, peer_port,
        tls_name, local, accepted_at, waiting_since, size, crc32c, state, attempts, due,
        lease_owner, last_status, last_error, body)
    select id, idempotency_key, listener, upstream, peer, peer_port, tls_name, local,
           statement_timestamp(), statement_timestamp(), size, crc32c, 0, 0, )";
constexpr const char* put_rest = R"(, '', 0, '', body
    from given, room where fits order by n
    on conflict (id) do nothing returning size),
books as (insert into finpost_totals as t
    select $1, 0, count(*), sum(size)::int8 from stored having count(*) > 0)";

constexpr const char* due_of_put =
    "case when exists(select 1 from finpost_payloads w where w.state = 0 and w.peer = given.peer) "
    "or row_number() over (partition by peer order by n) > 1 then 'infinity' else "
    "statement_timestamp() end";

struct put_columns {
    std::vector<request_id> ids;
    std::vector<std::string> keys, listeners, upstreams, peers, tls_names, locals;
    std::vector<std::int64_t> ports, sizes, sums;
    std::vector<const payload*> bodies;
    std::int64_t bytes = 0;
};

error_code add_columns(const new_payload& of, put_columns& to) {
    const auto sum = checksum_of(of.body);
    if (!sum) return sum.error();
    to.ids.push_back(of.id);
    to.keys.push_back(of.idempotency_key);
    to.listeners.push_back(of.listener);
    to.upstreams.push_back(of.upstream);
    to.peers.push_back(of.peer.host());
    to.ports.push_back(of.peer.port());
    to.tls_names.push_back(of.tls_name);
    to.locals.push_back(to_string(of.local));
    to.sizes.push_back(static_cast<std::int64_t>(of.body.size()));
    to.sums.push_back(*sum);
    to.bodies.push_back(&of.body);
    to.bytes += to.sizes.back();
    if (to.bytes > largest_put) return make_error_code(boost::system::errc::file_too_large);
    return {};
}

} // namespace

error_code ask_put(const postgres_terms& terms, const std::vector<const new_payload*>& batch,
                   bool again, postgres_statements& out) {
    put_columns of;
    for (const new_payload* each : batch)
        if (const error_code failed = add_columns(*each, of)) return failed;
    if (terms.ordered) {
        lock_sources("unnest($1::text[]) as given(peer)", out);
        out.back().texts(of.peers);
    }
    constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
    const auto limit = static_cast<std::int64_t>(std::min<std::uint64_t>(terms.max_bytes, any));
    std::string sql = put_sql;
    ((sql += terms.ordered ? due_of_put : "statement_timestamp()") += put_rest) += into_books;
    postgres_statement put(sql += " select fits from room");
    put.text(terms.writer).number(again ? any : limit).number(again ? 0 : of.bytes);
    put.ids(of.ids).texts(of.keys).texts(of.listeners).texts(of.upstreams).texts(of.peers);
    put.numbers(of.ports).texts(of.tls_names).texts(of.locals).numbers(of.sizes).numbers(of.sums);
    if (const error_code failed = put.bodies(of.bodies)) return failed;
    // Not with an order: what looks for a source's payloads is planned by how many there are.
    if (!terms.ordered) put.keep_plan();
    out.push_back(std::move(put));
    if (!again) return {};
    // A row that can be seen need not be on a standby: it is written once more.
    out.emplace_back("update finpost_payloads set accepted_at = accepted_at where id = "
                     "any($1::uuid[]) returning true");
    out.back().ids(of.ids);
    return {};
}

void ask_claim(const claim_terms& what, postgres_statements& out) {
    std::string sql =
        "with due as (select sequence, due, size, lease_until from finpost_payloads where state = "
        "0 and "
        "upstream = $2 and due <= statement_timestamp() and (lease_until is null or lease_until "
        "<= statement_timestamp()) order by due, sequence limit $3 for update skip locked), fit "
        "as (select sequence, lease_until from (select sequence, lease_until, sum(size) over "
        "(order by due, sequence) - "
        "size as before from due) s where before < $5) update finpost_payloads p set attempts = "
        "attempts + 1, lease_until = statement_timestamp() + $4::float8 * interval '1 "
        "millisecond', lease_owner = $1 from fit where p.sequence = fit.sequence returning ";
    ((sql += payload_columns) += what.bodies ? ", p.body" : ", ''::bytea") +=
        ", fit.lease_until is not null";
    const std::int64_t lease = std::max<std::int64_t>(0, what.lease.count());
    out.emplace_back(sql);
    out.back().text(what.owner).text(what.upstream);
    out.back().number(static_cast<std::int64_t>(std::min(what.most, most_claimed)));
    out.back().number(lease).number(claimed_bytes);
    out.emplace_back(
        "select (select ceil(extract(epoch from due - statement_timestamp()) * 1000)::int8 from "
        "finpost_payloads where state = 0 and upstream = $1 and due < 'infinity' and lease_until "
        "is null order by due, sequence limit 1), (select ceil(extract(epoch from lease_until - "
        "statement_timestamp()) * 1000)::int8 from finpost_payloads where lease_until > "
        "statement_timestamp() and upstream = $1 order by lease_until limit 1)");
    out.back().text(what.upstream);
}

void ask_body(const held_payload& held, postgres_statements& out) {
    out.emplace_back("select body from finpost_payloads where id = $1::text::uuid and lease_owner "
                     "= $2 and attempts = $3 and state = 0");
    out.back().text(held.id.text()).text(held.owner).number(held.attempts);
}

void ask_delivered(const postgres_terms& terms, const std::vector<request_id>& ids,
                   postgres_statements& out) {
    if (terms.ordered) {
        lock_sources("finpost_payloads where state = 0 and id = any($1::uuid[])", out);
        out.back().ids(ids);
    }
    std::string sql = "with gone as (delete from finpost_payloads where id = any($2::uuid[]) "
                      "returning sequence, state, size, peer), ";
    (sql += release_next) += ", books as (insert into finpost_totals as t select $1, state, "
                             "-count(*), -sum(size)::int8 from gone group by state";
    (sql += into_books) += " select count(*) from gone";
    out.emplace_back(sql);
    out.back().text(terms.writer).ids(ids);
}

void ask_failed(const held_payload& held, std::chrono::milliseconds retry_in,
                const attempt_failure& why, postgres_statements& out) {
    const auto wait = std::clamp(retry_in, std::chrono::milliseconds(0), longest_wait);
    out.emplace_back(
        "with put_off as (update finpost_payloads set due = statement_timestamp() + $4::float8 * "
        "interval '1 millisecond', lease_until = null, lease_owner = '', last_status = $5::int8, "
        "last_error = $6 where id = $1::text::uuid and lease_owner = $2 and attempts = $3 and "
        "state = 0 returning 1) select count(*) from put_off");
    out.back().text(held.id.text()).text(held.owner).number(held.attempts).number(wait.count());
    out.back().number(why.status).text(std::string_view(why.what).substr(0, longest_error));
}

void ask_ended(const postgres_terms& terms, const held_payload& held, queue_state now,
               const attempt_failure& why, postgres_statements& out) {
    if (terms.ordered) {
        lock_sources("finpost_payloads where state = 0 and id = $1::text::uuid", out);
        out.back().text(held.id.text());
    }
    std::string sql =
        "with gone as (update finpost_payloads set state = $5::int8, lease_until = null, "
        "lease_owner = '', last_status = $6::int8, last_error = $7 where id = $2::text::uuid and "
        "lease_owner = $3 and attempts = $4 and state = 0 returning sequence, 0 as state, size, "
        "peer), ";
    (sql += release_next) +=
        ", books as (insert into finpost_totals as t select $1, 0, -count(*), -sum(size)::int8 "
        "from gone having count(*) > 0 union all select $1, $5::int8, count(*), sum(size)::int8 "
        "from gone having count(*) > 0";
    (sql += into_books) += " select count(*) from gone";
    out.emplace_back(sql);
    out.back().text(terms.writer).text(held.id.text()).text(held.owner).number(held.attempts);
    out.back().number(static_cast<std::int64_t>(now)).number(why.status);
    out.back().text(std::string_view(why.what).substr(0, longest_error));
}

} // namespace finpost::detail
