#include "queue/queue_move.hpp"

#include "queue/crc32c.hpp"

#include <utility>
#include <vector>

namespace finpost {

namespace {

constexpr std::size_t batch_size = 32;
constexpr std::size_t batch_bytes = 8 << 20; // and one more: those of a database are in memory

bool is_whole(const stored_payload& stored) {
    detail::crc32c sum;
    const auto read = read_pieces(stored.body, [&sum](std::span<const std::byte> bytes) {
        sum.update(bytes);
        return parsed<void>();
    });
    return read && stored.body.size() == stored.entry.size && sum.value() == stored.entry.crc32c;
}

new_payload as_new(stored_payload stored) {
    new_payload out{.id = stored.entry.id};
    out.idempotency_key = std::move(stored.entry.idempotency_key);
    out.listener = std::move(stored.entry.listener);
    out.upstream = std::move(stored.entry.upstream);
    out.peer = stored.entry.peer;
    out.tls_name = std::move(stored.entry.tls_name);
    out.local = stored.entry.local;
    out.body = std::move(stored.body);
    return out;
}

} // namespace

parsed<void> move_payloads(direct_queue& from, direct_queue& to, const queue_filter& filter,
                           move_report& report,
                           const std::function<void(const std::string&)>& tell) {
    std::uint64_t after = 0;
    for (;;) {
        const auto entries = from.store().list(filter, {after, batch_size});
        if (!entries) return from.problem(entries.error());
        if (entries->empty()) return {};
        std::vector<new_payload> batch;
        std::uint64_t bytes = 0;
        queue_filter moved;
        std::uint64_t dead = 0;
        for (const queue_entry& each : *entries) {
            if (bytes >= batch_bytes) break;
            after = each.sequence;
            bytes += each.size;
            auto found = from.store().show(each.id);
            if (!found) return from.problem(found.error());
            if (!*found) continue;
            if (each.state == queue_state::set_aside || !is_whole(**found)) {
                tell(std::string(each.id.text()) +
                     ": stays: its bytes are not those that were stored");
                ++report.damaged;
                continue;
            }
            dead += each.state == queue_state::dead ? 1 : 0;
            moved.ids.push_back(each.id);
            batch.push_back(as_new(std::move(**found)));
        }
        if (batch.empty()) continue;
        const error_code failed = to.store().put(std::move(batch));
        if (failed) return to.problem(failed);
        const auto dropped = from.store().drop(moved, {0, moved.ids.size()});
        if (!dropped) return from.problem(dropped.error());
        report.moved += *dropped;
        report.dead += dead;
    }
}

} // namespace finpost
