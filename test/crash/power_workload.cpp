#include "crash/power_workload.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>

#include <sqlite3.h>

#include <memory>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace asio = boost::asio;

namespace finpost::test {

namespace {

constexpr off_t page_size = 4096;
constexpr std::size_t any_size = static_cast<std::size_t>(-1);

// Of a database that is closed, and without a change of it.
off_t root_page(const std::string& database, const std::string& index) {
    constexpr int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    const std::string uri = "file:" + database + "?immutable=1";
    const std::string sql = "select rootpage from sqlite_master where name = '" + index + "'";
    sqlite3* opened = nullptr;
    sqlite3_stmt* statement = nullptr;
    off_t page = 0;
    if (::sqlite3_open_v2(uri.c_str(), &opened, flags, nullptr) == SQLITE_OK &&
        ::sqlite3_prepare_v2(opened, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK &&
        ::sqlite3_step(statement) == SQLITE_ROW)
        page = ::sqlite3_column_int(statement, 0);
    ::sqlite3_finalize(statement);
    ::sqlite3_close(opened);
    if (page == 0) throw std::runtime_error(database + " has no " + index);
    return page;
}

} // namespace

void power_workload::run(std::size_t steps, const std::string& reserve) {
    for (std::size_t i = 0; i < steps; ++i) {
        store_.pass(std::chrono::seconds(1));
        const std::uint64_t drawn = below(60);
        if (drawn == 0) {
            store_.close();
            store_.open();
        }
        if (drawn == 1) disk_.fill(reserve);
        if (drawn > 50) disk_.fill({});
        step();
    }
    disk_.fill({});
}

void power_workload::damage_index(const std::string& database) {
    store_.close();
    const char* const indexes[] = {"payloads_due", "payloads_by_id", "payloads_by_state"};
    const off_t page = root_page(database, indexes[below(std::size(indexes))]);
    const int fd = ::open(database.c_str(), O_WRONLY | O_CLOEXEC);
    const std::string noise(page_size, '\x5a');
    const bool done = ::pwrite(fd, noise.data(), noise.size(), (page - 1) * page_size) > 0 &&
                      ::fdatasync(fd) == 0;
    ::close(fd);
    if (!done) throw std::runtime_error(database + " cannot be damaged");
    store_.open();
}

void power_workload::step() {
    const std::uint64_t drawn = below(100);
    if (drawn < 40) {
        for (std::uint64_t i = 0, puts = below(2) == 0 ? 1 : 2 + below(4); i < puts; ++i)
            put_some(std::vector<std::size_t>(1 + below(3), any_size));
        return store_.work();
    }
    if (drawn < 90) {
        const auto claimed = take(1 + below(6));
        if (!claimed.empty()) settle(claimed);
        return;
    }
    if (drawn < 96) return replay();
    drop(below(2) == 0 ? queue_state::dead : queue_state::waiting);
}

power_workload::handle power_workload::begin() {
    return std::make_shared<power_ledger::operation>(
        power_ledger::operation{.begun = disk_.calls().size()});
}

auto power_workload::told(const handle& what) {
    return [this, what](error_code ec, const auto&...) {
        ledger_.tell(what, disk_.calls().size(), ec);
    };
}

std::size_t power_workload::draw_size() {
    const std::uint64_t kind = below(200);
    std::size_t size = below(400);
    if (kind < 50) size = below(power_store::file_above + 1);
    if (kind < 25) size = power_store::file_above + 1 + below(6'000);
    if (kind == 0) size = (256 << 10) + below(20'000); // written in two pieces
    return size;
}

new_payload power_workload::make_one(const handle& what, std::size_t size) {
    new_payload one{.id = request_id(store_.now().time_since_epoch(), random_(), random_())};
    one.idempotency_key = std::string(one.id.text());
    one.upstream = "records";
    one.peer = parse_socket_address("192.0.2." + std::to_string(1 + below(3)) + ":4000").value();
    std::string body(size == any_size ? draw_size() : size, '\0');
    for (char& each : body) each = static_cast<char>(random_());
    ledger_.put(what, one.id, body);
    one.body = payload(std::move(body));
    return one;
}

// The work is for whoever calls: what is put meanwhile is one group.
void power_workload::put_some(const std::vector<std::size_t>& sizes) {
    const handle what = begin();
    std::vector<new_payload> all;
    for (const std::size_t each : sizes) all.push_back(make_one(what, each));
    const auto patience = std::make_shared<asio::cancellation_signal>();
    patience_.emplace_back(patience);
    auto done = [told = told(what), patience](error_code ec) { told(ec); };
    store_.get().async_put(std::move(all),
                           asio::bind_cancellation_slot(patience->slot(), std::move(done)));
}

std::size_t power_workload::waiting() {
    std::erase_if(patience_, [](const auto& each) { return each.expired(); });
    return patience_.size();
}

void power_workload::lose_patience() {
    for (const auto& each : patience_)
        if (const auto one = each.lock()) one->emit(asio::cancellation_type::terminal);
}

std::vector<stored_payload> power_workload::take(std::size_t most) {
    std::vector<stored_payload> taken;
    store_.get().async_claim(most, std::chrono::hours(1), "me", "records",
                             [&](error_code ec, claimed_payloads got) {
                                 if (!ec) taken = std::move(got.payloads);
                             });
    store_.work();
    return taken;
}

void power_workload::settle(const std::vector<stored_payload>& claimed) {
    if (below(2) == 0) {
        deliver_some(claimed);
        return store_.work();
    }
    const bool in_one_group = below(2) == 0;
    for (const stored_payload& each : claimed) {
        const std::uint64_t drawn = below(10);
        if (drawn < 5)
            fail_some(each);
        else if (drawn < 8)
            bury_some(each);
        // The others are held by a process that will end.
        if (!in_one_group) store_.work();
    }
    store_.work();
}

void power_workload::deliver_some(const std::vector<stored_payload>& claimed) {
    const handle what = begin();
    std::vector<request_id> ids;
    for (const stored_payload& each : claimed) {
        ids.push_back(each.entry.id);
        ledger_.change(what, each.entry.id, {.there = false});
    }
    store_.get().async_delivered(std::move(ids), told(what));
}

void power_workload::fail_some(const stored_payload& claimed) {
    const handle what = begin();
    const std::string why = "failed " + std::to_string(below(1000));
    ledger_.change(what, claimed.entry.id, {true, queue_state::waiting, why});
    store_.get().async_failed({claimed.entry.id, "me", claimed.entry.attempts},
                              std::chrono::seconds(below(5)), {.status = 503, .what = why},
                              told(what));
}

void power_workload::bury_some(const stored_payload& claimed) {
    const handle what = begin();
    const std::string why = "dead " + std::to_string(below(1000));
    ledger_.change(what, claimed.entry.id, {true, queue_state::dead, why});
    store_.get().async_dead({claimed.entry.id, "me", claimed.entry.attempts},
                            {.status = 422, .what = why}, told(what));
}

queue_filter power_workload::some(const handle& what, queue_state state, const standing& to) {
    queue_filter filter;
    store_.get().async_list({.state = state}, {.most = 4},
                            [&](error_code, const std::vector<queue_entry>& list) {
                                for (const queue_entry& each : list) filter.ids.push_back(each.id);
                            });
    store_.work();
    for (const request_id& id : filter.ids) ledger_.change(what, id, to);
    return filter;
}

void power_workload::replay(queue_state state) {
    const handle what = begin();
    queue_filter filter = some(what, state, {.there = true});
    if (filter.ids.empty()) return; // which would be all
    store_.get().async_replay(std::move(filter), {}, told(what));
    store_.work();
}

void power_workload::drop(queue_state state) {
    const handle what = begin();
    queue_filter filter = some(what, state, {.there = false});
    if (filter.ids.empty()) return;
    store_.get().async_drop(std::move(filter), {}, told(what));
    store_.work();
}

} // namespace finpost::test
