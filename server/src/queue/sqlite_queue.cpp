#include "queue/sqlite_queue.hpp"

#include "queue/crc32c.hpp"
#include "queue/store_limits.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

namespace finpost::detail {

namespace {

std::string_view shortened(const std::string& text) noexcept {
    return std::string_view(text).substr(0, longest_error);
}

} // namespace

error_code sqlite_queue::begin() {
    totals_ = committed_;
    if (!database_) return {SQLITE_CANTOPEN, sqlite_category()}; // a salvage that went wrong
    return database_->run("begin");
}

error_code sqlite_queue::commit() {
    // The names of new files come first: a row that can be read has its file.
    if (!new_files_.empty())
        if (const error_code failed = files_.sync()) return failed;
    for (const queue_state state : all_queue_states) {
        const auto& is = totals_.of(state);
        if (is == committed_.of(state)) continue;
        const error_code failed = statements_.save_totals.run(
            static_cast<std::int64_t>(state), as_integer(is.payloads), as_integer(is.bytes));
        if (failed) return failed;
    }
    if (const error_code failed = database_->run("commit")) return failed;
    committed_ = totals_;
    new_files_.clear();
    for (const std::string& each : removed_files_) files_.remove(each);
    removed_files_.clear();
    return {};
}

void sqlite_queue::rollback() {
    if (database_ && database_->in_transaction()) database_->run("rollback");
    forget_new_files(0);
    removed_files_.clear();
    totals_ = committed_;
}

void sqlite_queue::forget_new_files(std::size_t from) {
    for (std::size_t i = from; i < new_files_.size(); ++i) files_.remove(new_files_[i]);
    new_files_.resize(from);
}

void sqlite_queue::count(queue_state state, std::int64_t payloads, std::int64_t bytes) {
    auto& is = totals_.of(state);
    is.payloads += static_cast<std::uint64_t>(payloads); // unsigned: wraps down as it should
    is.bytes += static_cast<std::uint64_t>(bytes);
    totals_.bytes += static_cast<std::uint64_t>(bytes);
}

bool sqlite_queue::has_room(std::uint64_t bytes) {
    if (totals_.bytes > options_.max_bytes || bytes > options_.max_bytes - totals_.bytes)
        return false;
    return reserve_.make();
}

result<void> sqlite_queue::put(const std::vector<new_payload>& batch) {
    std::uint64_t bytes = 0;
    for (const new_payload& each : batch) bytes += each.body.size();
    if (!has_room(bytes)) return queue_error::full;
    const std::size_t files_before = new_files_.size();
    std::vector<std::optional<payload_files::written>> files;
    for (const new_payload& each : batch) {
        auto file = write_file(each);
        if (!file && file.error().category() == sqlite_category()) return file.error();
        if (!file) {
            // A file that could not be synced is gone, so that nobody believes in it later.
            forget_new_files(files_before);
            options_.log(log_level::warning, "queue file failed",
                         {{"dir", directory_.path()}, {"what", file.error().message()}});
            return is_no_space(file.error()) ? queue_error::full : queue_error::failed;
        }
        if (*file) new_files_.push_back((*file)->name);
        files.push_back(std::move(*file));
    }
    for (std::size_t i = 0; i < batch.size(); ++i)
        if (const error_code failed = insert(batch[i], files[i])) return failed;
    return {};
}

// Nothing for a body that belongs into the database.
result<std::optional<payload_files::written>> sqlite_queue::write_file(const new_payload& from) {
    std::optional<payload_files::written> file;
    if (from.body.size() <= options_.file_above) return file;
    auto written = files_.write(from.id, from.body);
    if (!written) return written.error();
    file = std::move(*written);
    return file;
}

error_code sqlite_queue::insert(const new_payload& from,
                                const std::optional<payload_files::written>& file) {
    std::vector<std::byte> copied; // of a body in a file: mapped pages can end in a SIGBUS
    std::span<const std::byte> bytes;
    crc32c sum;
    if (!file && from.body.spilled()) {
        copied.resize(from.body.size());
        const auto n = from.body.read(0, copied);
        if (!n || *n != copied.size()) return n ? error_code(queue_error::failed) : n.error();
        bytes = copied;
    } else if (!file) {
        bytes = from.body.bytes();
    }
    sum.update(bytes);
    const std::int64_t crc = file ? file->crc32c : sum.value();
    auto& insert = statements_.insert;
    error_code failed = insert.begin(
        from.id.text(), from.idempotency_key, from.listener, from.upstream, from.peer.host(),
        std::int64_t{from.peer.port()}, from.tls_name, now(), as_integer(from.body.size()), crc);
    if (!failed) failed = file ? insert.bind(11, file->name) : insert.bind(11, std::nullopt);
    if (!failed) failed = insert.bind(12, to_string(from.local));
    if (!failed) failed = insert.run_bound();
    if (failed) return failed;
    if (database_->changes() == 0) { // it is there already, with a file of its own
        if (file) removed_files_.push_back(file->name);
        return {};
    }
    count(queue_state::waiting, 1, as_integer(from.body.size()));
    if (file) return {};
    return statements_.insert_body.run(database_->last_sequence(), bytes);
}

result<sqlite_queue::stored_row> sqlite_queue::find(const request_id& id) {
    auto& find = statements_.find;
    const sqlite_rows rows(find);
    if (const error_code failed = find.begin(id.text())) return failed;
    const auto there = find.next();
    if (!there) return there.error();
    if (!*there) return queue_error::not_found;
    return stored_row{static_cast<std::uint64_t>(find.integer(0)),
                      static_cast<std::uint64_t>(find.integer(1)),
                      static_cast<queue_state>(find.integer(2)), std::string(find.text(3)),
                      std::string(find.text(4))};
}

error_code sqlite_queue::remove(const stored_row& found) {
    if (const error_code failed = statements_.remove.run(as_integer(found.sequence))) return failed;
    if (found.file.empty()) {
        const error_code failed = statements_.remove_body.run(as_integer(found.sequence));
        if (failed) return failed;
    } else {
        removed_files_.push_back(found.file);
    }
    removed_ = true;
    unread_.erase(found.sequence);
    count(found.state, -1, -as_integer(found.size));
    return release_next(found);
}

// A row has left: the next one of its source has its turn.
error_code sqlite_queue::release_next(const stored_row& left) {
    if (!options_.ordered || left.state != queue_state::waiting) return {};
    return statements_.release_next.run(left.peer, now());
}

result<std::size_t> sqlite_queue::delivered(const std::vector<request_id>& ids) {
    std::size_t removed = 0;
    for (const request_id& id : ids) {
        const auto found = find(id);
        if (!found && found.error() == queue_error::not_found) continue;
        if (!found) return found.error();
        if (const error_code failed = remove(*found)) return failed;
        ++removed;
    }
    return removed;
}

result<void> sqlite_queue::failed(const held_payload& held, milliseconds retry_in,
                                  const attempt_failure& why) {
    const auto wait = std::clamp(retry_in, milliseconds(0), options_.longest_wait);
    const error_code failed =
        statements_.fail.run(held.id.text(), held.owner, std::int64_t{held.attempts},
                             now() + wait.count(), std::int64_t{why.status}, shortened(why.what));
    if (failed) return failed;
    if (database_->changes() == 0) return queue_error::not_held;
    return {};
}

result<void> sqlite_queue::dead(const held_payload& held, const attempt_failure& why) {
    const auto found = find(held.id);
    if (!found && found.error() == queue_error::not_found) return queue_error::not_held;
    if (!found) return found.error();
    const error_code failed =
        statements_.bury.run(held.id.text(), held.owner, std::int64_t{held.attempts},
                             std::int64_t{why.status}, shortened(why.what));
    if (failed) return failed;
    if (database_->changes() == 0) return queue_error::not_held;
    count(queue_state::waiting, -1, -as_integer(found->size));
    count(queue_state::dead, 1, as_integer(found->size));
    if (const error_code ec = release_next(*found)) return ec;
    return {};
}

void sqlite_queue::disk_is_full() { reserve_.release(); }

} // namespace finpost::detail
