// What operators ask for, and how the answers read.
#include "queue/postgres/queries.hpp"
#include "queue/postgres/query_parts.hpp"
#include "queue/store_limits.hpp"

#include <algorithm>
#include <limits>
#include <string_view>

namespace finpost::detail {

namespace {

constexpr std::size_t most_changed = 1'000; // each may be a lock of a source

// What a filter and a page say, from $2 to $7.
constexpr const char* meant =
    "sequence > $2 and ($3::int8 is null or state = $3) and ($4::text is null or listener = $4) "
    "and ($5::text is null or upstream = $5) and (cardinality($6) = 0 or id = any($6::uuid[]))";

void add_filter(postgres_statement& to, const queue_filter& filter, queue_page page,
                std::size_t most) {
    to.number(static_cast<std::int64_t>(
        std::min<std::uint64_t>(page.after, std::numeric_limits<std::int64_t>::max())));
    if (filter.state)
        to.number(static_cast<std::int64_t>(*filter.state));
    else
        to.null_number();
    for (const auto* each : {&filter.listener, &filter.upstream}) {
        if (*each)
            to.text(**each);
        else
            to.null_text();
    }
    std::vector<request_id> ids = filter.ids;
    if (ids.size() > most_ids) ids.erase(ids.begin() + most_ids, ids.end());
    to.ids(ids);
    to.number(static_cast<std::int64_t>(std::clamp<std::size_t>(page.most, 1, most)));
}

} // namespace

void ask_list(const queue_filter& filter, queue_page page, postgres_statements& out) {
    std::string sql =
        std::string("select ") + payload_columns + " from finpost_payloads p where " + meant;
    out.emplace_back(sql += " and $1 = '' order by sequence limit $7");
    out.back().text("");
    add_filter(out.back(), filter, page, most_rows);
}

void ask_show(const request_id& id, bool body, postgres_statements& out) {
    std::string sql = std::string("select ") + payload_columns;
    sql += body ? ", p.body" : "";
    out.emplace_back(sql += " from finpost_payloads p where id = $1::text::uuid");
    out.back().text(id.text());
}

void ask_replay(const postgres_terms& terms, const queue_filter& filter, queue_page page,
                postgres_statements& out) {
    const std::string those = std::string("finpost_payloads where state <> 0 and ") + meant +
                              " order by sequence limit $7";
    if (terms.ordered) {
        lock_sources("(select peer from " + those + ") c where $1 = ''", out);
        out.back().text("");
        add_filter(out.back(), filter, page, most_changed);
    }
    std::string due = "statement_timestamp()";
    if (terms.ordered)
        due = "case when nth > 1 or exists(select 1 from finpost_payloads w where w.state = 0 and "
              "w.peer = r.peer) then 'infinity' else statement_timestamp() end";
    std::string sql = "with chosen as (select sequence, state, size, peer from " + those;
    sql += " for update), ranked as (select *, row_number() over (partition by peer order by "
           "sequence) as nth from chosen), back as (update finpost_payloads p set state = 0, "
           "attempts = 0, lease_until = null, lease_owner = '', waiting_since = "
           "statement_timestamp(), due = ";
    (sql += due) +=
        " from ranked r where p.sequence = r.sequence returning 1), books as (insert into "
        "finpost_totals as t select $1, state, -count(*), -sum(size)::int8 from chosen group by "
        "state union all select $1, 0, count(*), sum(size)::int8 from chosen having count(*) > 0";
    (sql += into_books) += " select count(*) from back";
    out.emplace_back(sql);
    out.back().text(terms.writer);
    add_filter(out.back(), filter, page, most_changed);
}

void ask_drop(const postgres_terms& terms, const queue_filter& filter, queue_page page,
              postgres_statements& out) {
    const std::string those =
        std::string("finpost_payloads where ") + meant + " order by sequence limit $7";
    if (terms.ordered) {
        lock_sources("(select peer from " + those + ") c where $1 = ''", out);
        out.back().text("");
        add_filter(out.back(), filter, page, most_changed);
    }
    std::string sql = "with chosen as (select sequence from " + those;
    sql += " for update), gone as (delete from finpost_payloads p using chosen c where p.sequence "
           "= c.sequence returning p.sequence, p.state, p.size, p.peer), ";
    (sql += release_next) += ", books as (insert into finpost_totals as t select $1, state, "
                             "-count(*), -sum(size)::int8 from gone group by state";
    (sql += into_books) += " select count(*) from gone";
    out.emplace_back(sql);
    out.back().text(terms.writer);
    add_filter(out.back(), filter, page, most_changed);
}

void ask_stats(postgres_statements& out) {
    std::string sql = "select ";
    for (const char* const state : {"0", "1", "2"}) {
        for (const char* const what : {"payloads", "bytes"}) {
            ((sql += "coalesce(sum(") += what) += ") filter (where state = ";
            (sql += state) += "), 0)::int8, ";
        }
    }
    sql += "(select count(*) from finpost_payloads where lease_until > statement_timestamp()), "
           "(select floor(extract(epoch from statement_timestamp() - waiting_since) * 1000)::int8 "
           "from finpost_payloads where state = 0 order by sequence limit 1) from finpost_totals";
    out.emplace_back(sql);
}

result<stored_payload> read_payload(const postgres_answer& answer, std::size_t row) {
    const auto number = [&](int column) { return answer.number(row, column); };
    const auto when = [&](int column) {
        return queue_entry::time_point(std::chrono::milliseconds(number(column)));
    };
    const auto text = [&](int column) { return std::string(answer.text(row, column)); };
    const auto id = parse_request_id(answer.text(row, 0));
    const std::int64_t state = number(13);
    if (!id || state < 0 || state >= static_cast<std::int64_t>(all_queue_states.size()))
        return make_error_code(boost::system::errc::bad_message);
    stored_payload out{queue_entry{.id = *id}};
    queue_entry& entry = out.entry;
    entry.idempotency_key = text(1);
    entry.sequence = static_cast<std::uint64_t>(number(2));
    entry.listener = text(3);
    entry.upstream = text(4);
    const host_port peer{text(5), static_cast<std::uint16_t>(number(6))};
    if (const auto address = parse_socket_address(to_string(peer))) entry.peer = *address;
    entry.tls_name = text(7);
    if (const auto local = parse_socket_address(text(8))) entry.local = *local;
    entry.accepted_at = when(9);
    entry.waiting_since = when(10);
    entry.size = static_cast<std::uint64_t>(number(11));
    entry.crc32c = static_cast<std::uint32_t>(number(12));
    entry.state = static_cast<queue_state>(state);
    entry.attempts = static_cast<std::uint32_t>(number(14));
    if (!answer.null(row, 15)) entry.due = when(15);
    if (!answer.null(row, 16)) entry.lease_until = when(16);
    entry.lease_owner = text(17);
    entry.last_status = static_cast<int>(number(18));
    entry.last_error = text(19);
    out.age = std::chrono::milliseconds(number(20));
    if (answer.columns() > body_column) out.body = payload(answer.text(row, body_column));
    return out;
}

queue_stats read_stats(const postgres_answer& answer) {
    queue_stats out;
    int column = 0;
    for (auto& each : out.states) {
        each.payloads =
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, answer.number(0, column++)));
        each.bytes =
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, answer.number(0, column++)));
        out.bytes += each.bytes;
    }
    out.delivering = static_cast<std::uint64_t>(answer.number(0, column++));
    if (!answer.null(0, column)) out.oldest = std::chrono::milliseconds(answer.number(0, column));
    return out;
}

} // namespace finpost::detail
