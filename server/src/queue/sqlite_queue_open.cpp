// The start, what an end in the middle has left behind, and the house-keeping between groups.
#include "queue/rewrite.hpp"
#include "queue/sqlite_queue.hpp"
#include "queue/sqlite_schema.hpp"

#include <chrono>
#include <set>
#include <utility>

#include <unistd.h>

namespace finpost::detail {

namespace {

constexpr const char* free_a_part = "pragma incremental_vacuum(512)";

parse_error problem_with(const std::string& database, const std::string& what) {
    return {database + ": " + what};
}

std::int64_t as_number(const result<std::optional<std::string>>& text) {
    return text && *text ? std::stoll(**text) : 0;
}

} // namespace

sqlite_queue::sqlite_queue(const queue_directory& directory, const sqlite_queue_options& options)
    : directory_(directory), options_(options), files_(directory.payloads()),
      reserve_(directory.reserve()) {}

parsed<std::unique_ptr<sqlite_queue>> sqlite_queue::open(const queue_directory& directory,
                                                         const sqlite_queue_options& options,
                                                         leases held) {
    std::unique_ptr<sqlite_queue> made(new sqlite_queue(directory, options));
    // A new database would take the files of a lost one for remains, and remove them.
    if (::access(directory.database().c_str(), F_OK) != 0) {
        if (held == leases::keep)
            return problem_with(directory.database(), "somebody has removed it");
        if (!made->files_.empty())
            return problem_with(directory.database(), "it is missing, and there are files in " +
                                                          directory.payloads() +
                                                          ": bring it back, or move them away");
    }
    // A sync of it may have failed, here or in the process before, and what is added to the log
    // counts only behind what is there. The database needs no such thing: what was moved there
    // since its last good sync is in the log still, and is moved again.
    error_code failed = rewrite_in_place(directory.write_ahead_log());
    if (is_no_space(failed)) { // of a file system that never writes in place
        made->reserve_.release();
        failed = rewrite_in_place(directory.write_ahead_log());
    }
    if (failed) return problem_with(directory.write_ahead_log(), failed.message());
    auto database = sqlite_database::open(directory.database());
    if (!database) return database.error();
    made->database_ = std::move(*database);
    const auto started = made->start(held);
    if (!started) return problem_with(directory.database(), started.error().message);
    return made;
}

parsed<void> sqlite_queue::start(leases held) {
    std::optional<bool> wanted;
    if (!options_.keep_order) wanted = options_.ordered;
    const auto ordered = prepare_schema(*database_, wanted);
    if (!ordered) return ordered.error();
    options_.ordered = *ordered;
    remove_remains();
    error_code failed = prepare(held);
    while (is_corrupt(failed) && may_salvage())
        if (salvage()) failed = prepare(held);
    if (failed && !database_) return parse_error{failed.message()}; // a salvage that went wrong
    if (failed) return parse_error{failed.message() + ": " + database_->message()};
    if (!reserve_.make())
        options_.log(log_level::warning, "queue disk full", {{"dir", directory_.path()}});
    check_pages();
    return {};
}

error_code sqlite_queue::prepare(leases held) {
    error_code failed = statements_.prepare(database_->get(), options_.ordered);
    if (!failed) failed = read_totals();
    if (!failed) failed = first_write(held);
    // A process that is killed before it has moved a long log leaves a longer one to the next.
    if (!failed) failed = checkpoint_when_long();
    if (!failed) failed = settle_files();
    return failed ? failed : directory_.sync();
}

// Of a database that was being made, or made anew, when the power was lost. With a write-ahead log
// there is no journal; SQLite has looked into one that it found when it opened the database.
void sqlite_queue::remove_remains() const noexcept {
    for (const char* const suffix : {"-journal", ".new", ".new-wal", ".new-journal"})
        ::unlink((directory_.database() + suffix).c_str());
}

// Whoever held leases has ended: the lock of the directory says so. In any case something is
// written, so that a disk that takes nothing is found now.
error_code sqlite_queue::first_write(leases held) {
    error_code failed = database_->run("begin immediate");
    if (!failed && held == leases::release)
        failed = database_->run("update payloads set lease_until = 0, lease_owner = '' where "
                                "lease_until > 0");
    // There and back: what changes nothing SQLite does not write.
    for (int i = 0; i < 2; ++i)
        if (!failed) failed = database_->run("update settings set ordered = 1 - ordered");
    if (!failed) failed = database_->run("commit");
    if (failed && database_->in_transaction()) database_->run("rollback");
    return is_full(failed) ? error_code() : failed; // a disk that is full says so at each put
}

error_code sqlite_queue::read_totals() {
    committed_ = {};
    sqlite_statement totals;
    error_code failed =
        totals.prepare(database_->get(), "select state, payloads, bytes from totals", false);
    if (failed) return failed;
    for (;;) {
        const auto row = totals.next();
        if (!row) return row.error();
        if (!*row) break;
        const std::int64_t state = totals.integer(0);
        if (state < 0 || state >= static_cast<std::int64_t>(all_queue_states.size())) continue;
        auto& is = committed_.of(static_cast<queue_state>(state));
        is.payloads = static_cast<std::uint64_t>(totals.integer(1));
        is.bytes = static_cast<std::uint64_t>(totals.integer(2));
        committed_.bytes += is.bytes;
    }
    totals_ = committed_;
    return {};
}

// Files without a row are of puts that were never acknowledged, or of payloads that are gone.
error_code sqlite_queue::settle_files() {
    std::set<std::string> wanted;
    sqlite_statement files;
    const error_code failed =
        files.prepare(database_->get(), "select file from payloads where file is not null", false);
    if (failed) return failed;
    for (;;) {
        const auto row = files.next();
        if (!row) return row.error();
        if (!*row) break;
        wanted.emplace(files.text(0));
    }
    const auto removed = files_.remove_others(wanted);
    if (!removed) return removed.error();
    if (*removed > 0)
        options_.log(log_level::info, "queue files removed",
                     {{"dir", directory_.path()}, {"files", static_cast<std::int64_t>(*removed)}});
    return wanted.empty() ? error_code() : set_aside_without_file(wanted);
}

error_code sqlite_queue::set_aside_without_file(const std::set<std::string>& missing) {
    sqlite_statement rows;
    std::string sql = "select ";
    sql += entry_columns;
    sql += " from payloads where file = ? and state <> 2";
    error_code failed = rows.prepare(database_->get(), sql, false);
    if (!failed) failed = begin();
    for (auto each = missing.begin(); !failed && each != missing.end(); ++each) {
        failed = rows.begin(std::string_view(*each));
        const auto row = failed ? sqlite_statement::no_row(failed) : rows.next();
        if (!row) failed = row.error();
        if (failed || !*row) continue;
        auto entry = read_entry(rows);
        rows.reset();
        if (entry) failed = set_aside(*entry, "its file is missing");
    }
    if (!failed) failed = commit();
    if (failed) rollback();
    return is_full(failed) ? error_code() : failed; // it is found again when it is claimed
}

error_code sqlite_queue::checkpoint_when_long() {
    if (database_->log_pages() < options_.long_log) return {};
    const error_code failed = database_->checkpoint(false);
    return is_full(failed) ? error_code() : failed; // then the log grows, until there is room
}

result<bool> sqlite_queue::give_back_space() {
    if (!std::exchange(removed_, false)) return false;
    const std::int64_t unused = as_number(database_->ask("pragma freelist_count"));
    const std::int64_t all = as_number(database_->ask("pragma page_count"));
    if (unused <= options_.spare_pages || unused <= all / 2) return false;
    if (const error_code failed = database_->run(free_a_part)) {
        if (database_->in_transaction()) database_->run("rollback");
        if (is_full(failed) || is_unread(failed)) return false;
        return sqlite_statement::no_row(failed);
    }
    if (const error_code failed = checkpoint_when_long()) return sqlite_statement::no_row(failed);
    removed_ = true; // there may be more
    return true;
}

void sqlite_queue::finish() { static_cast<void>(database_->checkpoint(true)); }

// Damage is said early, and stops nothing: what it has hit is set aside when it is claimed.
void sqlite_queue::check_pages() {
    const std::int64_t size = as_number(database_->ask("pragma page_count")) *
                              as_number(database_->ask("pragma page_size"));
    if (static_cast<std::uint64_t>(size) > options_.check_up_to) return;
    const auto found = database_->ask_within("pragma quick_check(1)", options_.check_for);
    if (found && (!*found || *found == "ok")) return; // nothing: the time was over
    options_.log(
        log_level::error, "queue damaged",
        {{"dir", directory_.path()},
         {"what", found ? std::string_view(**found) : std::string_view(database_->message())}});
}

} // namespace finpost::detail
