#include "crash/power_store.hpp"

#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace fs = std::filesystem;

namespace finpost::test {

namespace {

void require(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}

} // namespace

power_store::power_store(const fs::path& directory, bool ordered) {
    options_.directory = directory.string();
    options_.executor = handlers_.get_executor();
    options_.thread = thread_.get_executor();
    options_.file_above = file_above;
    options_.ordered = ordered;
    options_.long_log = 40;
    options_.spare_pages = 8;
    options_.now = [this] { return now_; };
    options_.log = logger(log_level::error, [this](log_level, std::string_view event, auto fields) {
        complaint_ = event;
        for (const log_field& each : fields)
            if (const auto* const text = std::get_if<std::string_view>(&each.value))
                complaint_ += ' ' + std::string(*text);
    });
}

void power_store::open() {
    auto made = finpost::detail::sqlite_store::open(options_);
    require(made.has_value(), made ? "" : "it does not start: " + made.error().message);
    store_ = std::move(*made);
    if (broken_ != broken_put::none) store_ = make_broken(std::move(store_), broken_);
}

void power_store::close() {
    store_.reset();
    work();
}

void power_store::work() {
    thread_.restart();
    thread_.run();
    tell();
}

void power_store::tell() {
    handlers_.restart();
    handlers_.poll();
}

void power_store::touch() {
    error_code failed;
    std::vector<new_payload> batch;
    batch.push_back({.id = request_id(now_.time_since_epoch(), 0, 0)});
    const request_id id = batch.front().id;
    get().async_put(std::move(batch), [&](error_code ec) { failed = ec; });
    work();
    require(!failed, "put: " + failed.message());
    get().async_delivered({id}, [&](error_code ec, std::size_t) { failed = ec; });
    work();
    require(!failed, "delivered: " + failed.message());
}

found_payloads power_store::look() {
    std::vector<queue_entry> entries;
    error_code failed;
    get().async_list({}, {.most = 10'000}, [&](error_code ec, std::vector<queue_entry> list) {
        failed = ec;
        entries = std::move(list);
    });
    work();
    require(!failed, "list: " + failed.message());
    check_numbers(entries);
    check_files(entries);
    check_order(entries);
    found_payloads found;
    for (const queue_entry& each : entries) {
        std::string body;
        get().async_show(each.id, [&](error_code ec, std::optional<stored_payload> one) {
            failed = ec;
            if (one) body = std::string(one->body.text());
        });
        work();
        require(!failed, "show: " + failed.message());
        found[each.id] = {{true, each.state, each.last_error}, std::move(body)};
    }
    return found;
}

void power_store::check_numbers(const std::vector<queue_entry>& entries) {
    queue_stats counted;
    for (const queue_entry& each : entries) {
        counted.of(each.state).payloads += 1;
        counted.of(each.state).bytes += each.size;
        counted.bytes += each.size;
    }
    queue_stats told;
    get().async_stats([&](error_code, queue_stats stats) { told = stats; });
    work();
    std::string numbers;
    for (const queue_state state : all_queue_states)
        numbers += ' ' + std::to_string(told.of(state).payloads) + " of " +
                   std::to_string(counted.of(state).payloads);
    require(told.states == counted.states && told.bytes == counted.bytes,
            "its numbers are wrong:" + numbers);
    require(told.delivering == 0, "a lease is held by nobody");
}

void power_store::check_files(const std::vector<queue_entry>& entries) const {
    std::size_t expected = 0;
    for (const queue_entry& each : entries) expected += each.size > file_above ? 1 : 0;
    std::size_t there = 0;
    for (const auto& each : fs::directory_iterator(fs::path(options_.directory) / "payloads"))
        there += each.exists() ? 1 : 0;
    require(there == expected, std::to_string(there) + " files for " + std::to_string(expected) +
                                   " payloads that have one");
    const std::set<std::string> good{"lock", "payloads", "queue.db", "queue.db-wal", "reserve"};
    for (const auto& each : fs::directory_iterator(options_.directory)) {
        const std::string name = each.path().filename().string();
        require(good.count(name) == 1 || name.starts_with("queue.db.damaged"),
                name + " is left behind");
    }
}

// The first of each source is due at some time, and what is behind it is not.
void power_store::check_order(const std::vector<queue_entry>& entries) const {
    if (!options_.ordered) return;
    std::set<std::string> sources;
    std::set<std::string> due;
    for (const queue_entry& each : entries) {
        if (each.state != queue_state::waiting) continue;
        sources.insert(each.peer.host());
        if (each.due) require(due.insert(each.peer.host()).second, "two of one source are due");
    }
    require(sources == due, "of a source none is due");
}

} // namespace finpost::test
