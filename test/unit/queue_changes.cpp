#include "queue/queue_changes.hpp"

#include "control/queue_json.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

using namespace finpost;
namespace json = boost::json;

namespace {

/// A queue of two rows a page, whose service refuses at once whatever waits again.
class stubborn_queue : public queue_door {
public:
    explicit stubborn_queue(std::vector<queue_state> states) {
        for (const queue_state state : states) {
            queue_entry entry{.id = request_id::generate()};
            entry.sequence = entries.size() + 1;
            entry.state = state;
            entries.push_back(entry);
        }
    }
    parsed<json::object> stats() override {
        queue_stats out;
        for (const queue_entry& each : entries) ++out.of(each.state).payloads;
        return to_json(out);
    }
    parsed<queue_rows> list(const queue_filter& filter, std::uint64_t after) override {
        ++lists;
        queue_rows out;
        for (const queue_entry& each : entries) {
            if (each.sequence <= after || filter.state.value_or(each.state) != each.state) continue;
            out.rows.push_back(to_json(each));
            out.next = each.sequence;
            if (out.rows.size() == 2) break;
        }
        return out;
    }
    parsed<std::optional<json::object>> show(const request_id& id) override {
        const auto found = find(id);
        if (found == entries.end()) return std::optional<json::object>();
        return std::optional<json::object>(to_json(*found));
    }
    parsed<bool> read(const request_id&, const take_bytes&) override { return false; }
    parsed<std::size_t> replay(const std::vector<request_id>& ids) override {
        if (++replays == fails_at) return parse_error{"not known"};
        std::size_t n = 0;
        for (const request_id& id : ids) {
            const auto found = find(id);
            if (found != entries.end() && found->state != queue_state::waiting) ++n;
        }
        return n;
    }
    parsed<std::size_t> drop(const std::vector<request_id>& ids) override {
        const auto found = find(ids.at(0));
        if (found == entries.end()) return std::size_t{0};
        entries.erase(found);
        return std::size_t{1};
    }
    boost::asio::io_context& loop() override { return loop_; }

    std::vector<queue_entry> entries;
    int lists = 0, replays = 0, fails_at = 0;

private:
    std::vector<queue_entry>::iterator find(const request_id& id) {
        return std::find_if(entries.begin(), entries.end(),
                            [&](const queue_entry& each) { return each.id == id; });
    }
    boost::asio::io_context loop_;
};

constexpr auto waiting = queue_state::waiting, dead = queue_state::dead,
               aside = queue_state::set_aside;

} // namespace

BOOST_AUTO_TEST_SUITE(queue_changes)

BOOST_AUTO_TEST_CASE(each_is_replayed_once_though_the_service_still_refuses_it) {
    stubborn_queue queue({dead, waiting, aside, dead, dead, waiting, dead, dead});
    change_report report;
    BOOST_TEST(replay_all(queue, {}, report).has_value());
    BOOST_TEST(report.changed == 6u);
    BOOST_TEST(queue.replays == 4); // three pages of dead letters, one of what is set aside
    BOOST_TEST(to_replay(queue, {}) == 6u);
    BOOST_TEST(all_in(queue, {}) == 8u);
}

BOOST_AUTO_TEST_CASE(a_state_narrows_it) {
    stubborn_queue queue({dead, waiting, aside});
    change_report report;
    BOOST_TEST(replay_all(queue, {.state = aside}, report).has_value());
    BOOST_TEST(report.changed == 1u);
    BOOST_TEST(to_replay(queue, {.state = aside}) == 1u);
    BOOST_TEST(to_replay(queue, {.listener = "a"}) == 0u); // nobody has counted these
}

BOOST_AUTO_TEST_CASE(what_was_done_before_a_failure_is_known) {
    stubborn_queue queue({dead, dead, dead});
    queue.fails_at = 2;
    change_report report;
    BOOST_TEST(replay_all(queue, {}, report).error().message == "not known");
    BOOST_TEST(report.changed == 2u);
    queue.replays = 0;
    report = {};
    const request_id second = queue.entries[1].id;
    BOOST_TEST(replay_some(queue, {queue.entries[0].id, second}, report).error().message ==
               std::string(second.text()) + ": not known");
    BOOST_TEST(report.changed == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_told_from_what_waits) {
    stubborn_queue queue({dead, waiting});
    const request_id nobody = request_id::generate();
    change_report report;
    BOOST_TEST(
        replay_some(queue, {nobody, queue.entries[1].id, queue.entries[0].id}, report).has_value());
    BOOST_TEST(report.changed == 1u);
    BOOST_TEST((report.missing == std::vector{nobody}));
    BOOST_TEST((report.unchanged == std::vector{queue.entries[1].id}));
    report = {};
    BOOST_TEST(drop_some(queue, {nobody, queue.entries[0].id}, report).has_value());
    BOOST_TEST(report.changed == 1u);
    BOOST_TEST((report.missing == std::vector{nobody}));
}

BOOST_AUTO_TEST_SUITE_END()
