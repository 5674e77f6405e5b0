#include "queue/queue_changes.hpp"

#include "queue/checked_read.hpp"

#include <array>
#include <string>

namespace json = boost::json;

namespace finpost {

namespace {

parse_error about(const request_id& id, const parse_error& why) {
    return {std::string(id.text()) + ": " + why.message};
}

std::uint64_t count(queue_door& queue, const queue_filter& filter,
                    std::initializer_list<queue_state> states) {
    if (filter.listener || filter.upstream) return 0;
    const auto stats = queue.stats();
    if (!stats) return 0; // what follows says why
    const json::value* const all = stats->if_contains("states");
    std::uint64_t sum = 0;
    for (const queue_state state : states) {
        const bool meant = filter.state.value_or(state) == state;
        const json::value* const of = meant && all != nullptr && all->is_object()
                                          ? all->as_object().if_contains(to_string(state))
                                          : nullptr;
        if (of != nullptr && of->is_object()) sum += number_of(of->as_object(), "payloads");
    }
    return sum;
}

} // namespace

parsed<void> replay_some(queue_door& queue, const std::vector<request_id>& ids,
                         change_report& report) {
    for (const request_id& id : ids) {
        const auto n = queue.replay({id});
        if (!n) return about(id, n.error());
        report.changed += *n;
        if (*n > 0) continue;
        const auto there = queue.show(id);
        if (!there) return about(id, there.error());
        (*there ? report.unchanged : report.missing).push_back(id);
    }
    return {};
}

parsed<void> drop_some(queue_door& queue, const std::vector<request_id>& ids,
                       change_report& report) {
    for (const request_id& id : ids) {
        const auto n = queue.drop({id});
        if (!n) return about(id, n.error());
        report.changed += *n;
        if (*n == 0) report.missing.push_back(id);
    }
    return {};
}

parsed<void> replay_all(queue_door& queue, const queue_filter& filter, change_report& report) {
    for (const queue_state state : {queue_state::dead, queue_state::set_aside}) {
        if (filter.state.value_or(state) != state) continue;
        queue_filter of_state = filter;
        of_state.state = state;
        std::uint64_t after = 0;
        do {
            const auto page = queue.list(of_state, after);
            if (!page) return page.error();
            std::vector<request_id> ids;
            for (const json::object& row : page->rows) {
                const auto id = id_of(row);
                if (!id) return id.error();
                ids.push_back(*id);
            }
            after = page->next;
            if (ids.empty()) continue;
            const auto n = queue.replay(ids);
            if (!n) return n.error();
            report.changed += *n;
        } while (after != 0);
    }
    return {};
}

std::uint64_t to_replay(queue_door& queue, const queue_filter& filter) {
    return count(queue, filter, {queue_state::dead, queue_state::set_aside});
}

std::uint64_t all_in(queue_door& queue, const queue_filter& filter) {
    return count(queue, filter, {queue_state::waiting, queue_state::dead, queue_state::set_aside});
}

} // namespace finpost
