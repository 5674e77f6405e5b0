// A database with damaged pages gives way to a new one.
#include "queue/sqlite_queue.hpp"
#include "queue/sqlite_salvage.hpp"
#include "queue/sqlite_schema.hpp"

#include <stdio.h>

#include <utility>

#include <unistd.h>

namespace finpost::detail {

namespace {

constexpr int most_salvages = 3; // a disk that damages what is new is no place for a queue

void remove_database(const std::string& path) {
    for (const char* const suffix : {"", "-wal"}) ::unlink((path + suffix).c_str());
}

// What an earlier one has kept stays.
std::string free_name(const std::string& name) {
    std::string free = name;
    for (int i = 2; ::access(free.c_str(), F_OK) == 0; ++i) free = name + '.' + std::to_string(i);
    return free;
}

} // namespace

bool sqlite_queue::may_salvage() const noexcept {
    return salvages_ < most_salvages && database_ != nullptr;
}

bool sqlite_queue::salvage() {
    if (!may_salvage()) return false;
    ++salvages_;
    options_.log(log_level::warning, "queue salvaging", {{"dir", directory_.path()}});
    const auto made = make_anew();
    if (!made)
        options_.log(log_level::error, "queue not salvaged",
                     {{"dir", directory_.path()}, {"what", made.error().message}});
    if (made) {
        unread_.clear();
        gives_up_unread_ = false;
    }
    return made.has_value();
}

parsed<void> sqlite_queue::open_anew() {
    auto opened = sqlite_database::open(directory_.database());
    if (!opened) return opened.error();
    database_ = std::move(*opened);
    const auto schema = prepare_schema(*database_, options_.ordered);
    if (!schema) return schema.error();
    error_code failed = statements_.prepare(database_->get(), options_.ordered);
    if (!failed) failed = read_totals();
    if (failed) return parse_error{failed.message()};
    return {};
}

// Whenever the process ends meanwhile, `queue.db` is the old database or the new one, whole.
parsed<void> sqlite_queue::make_anew() {
    const std::string path = directory_.database();
    const std::string fresh = path + ".new";
    const std::string kept = free_name(path + ".damaged");
    const auto as_problem = [](const error_code& ec) { return parse_error{ec.message()}; };
    remove_database(fresh);
    // The log belongs to the old file: what is in it goes there, for it must not meet the new one.
    if (const error_code failed = database_->checkpoint(true)) return as_problem(failed);
    // What cannot be read may be whole: it is given up at the last try.
    const bool last = gives_up_unread_ || salvages_ == most_salvages;
    const salvage_rules rules{options_.ordered, last};
    const auto rows = salvage_rows(*database_, fresh, rules);
    if (!rows) {
        remove_database(fresh);
        return rows.error();
    }
    statements_ = {};
    database_.reset();
    ::unlink((fresh + "-wal").c_str()); // it is empty
    // That the old log is empty must be on the disk before the new file has its name: SQLite does
    // not sync that.
    error_code failed = sync_file(directory_.write_ahead_log());
    if (!failed &&
        (::link(path.c_str(), kept.c_str()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0))
        failed = last_system_error();
    if (!failed) failed = directory_.sync();
    if (failed) return as_problem(failed);
    const auto opened = open_anew();
    if (!opened) {
        // What is half known is not gone on with: without a database all of it is opened again.
        statements_ = {};
        database_.reset();
        return opened.error();
    }
    options_.log(log_level::error, "queue salvaged",
                 {{"dir", directory_.path()},
                  {"payloads", rows->copied},
                  {"without_body", rows->without_body},
                  {"lost", rows->lost},
                  {"kept", kept}});
    return {};
}

} // namespace finpost::detail
