#include "queue/sqlite.hpp"

#include <sqlite3.h>

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace finpost::detail {

namespace {

class sqlite_error_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "sqlite"; }
    std::string message(int value) const override {
        return std::string(sqlite3_errstr(value)) + " (" + std::to_string(value) + ')';
    }
};

error_code code(int value) noexcept {
    if (value == SQLITE_OK || value == SQLITE_ROW || value == SQLITE_DONE) return {};
    return {value, sqlite_category()};
}

// By other names, for SQLite keeps no errno for them: `errno` was 0 before the call, and nothing
// but the failed write or read has set it. A full disk is also a quota, or a limit on the size of
// files. A page that the disk fails to read SQLite takes for a damaged one.
int by_our_name(int value) noexcept {
    const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
    if (value == SQLITE_IOERR_WRITE && full) return SQLITE_FULL;
    const bool unread = errno == EIO || errno == ENXIO || errno == ERANGE;
    const bool by_name = (value & 0xff) == SQLITE_CORRUPT && unread;
    return by_name || value == SQLITE_IOERR_CORRUPTFS ? SQLITE_IOERR_READ : value;
}

bool is(const error_code& ec, int primary) noexcept {
    return ec.category() == sqlite_category() && (ec.value() & 0xff) == primary;
}

} // namespace

const boost::system::error_category& sqlite_category() noexcept {
    static const sqlite_error_category instance;
    return instance;
}

bool is_full(const error_code& ec) noexcept { return is(ec, SQLITE_FULL); }
bool is_corrupt(const error_code& ec) noexcept {
    return is(ec, SQLITE_CORRUPT) || is(ec, SQLITE_NOTADB);
}
bool is_out_of_memory(const error_code& ec) noexcept {
    return is(ec, SQLITE_NOMEM) || ec == boost::system::errc::not_enough_memory;
}
bool is_unread(const error_code& ec) noexcept {
    return ec.category() == sqlite_category() && ec.value() == SQLITE_IOERR_READ;
}

void sqlite_counts_no_memory() noexcept { ::sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

sqlite_statement::sqlite_statement() noexcept = default;
sqlite_statement::sqlite_statement(sqlite_statement&&) noexcept = default;
sqlite_statement& sqlite_statement::operator=(sqlite_statement&&) noexcept = default;
sqlite_statement::~sqlite_statement() = default;

void sqlite_statement::finalizer::operator()(sqlite3_stmt* statement) const noexcept {
    sqlite3_finalize(statement);
}

error_code sqlite_statement::prepare(sqlite3* database, std::string_view sql, bool kept) {
    sqlite3_stmt* made = nullptr;
    const unsigned flags = kept ? SQLITE_PREPARE_PERSISTENT : 0;
    errno = 0;
    const int failed = sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()), flags,
                                          &made, nullptr);
    const error_code why = code(by_our_name(failed));
    statement_.reset(made);
    return why;
}

error_code sqlite_statement::bind(int at, std::int64_t value) noexcept {
    return code(sqlite3_bind_int64(statement_.get(), at, value));
}

error_code sqlite_statement::bind(int at, std::string_view text) noexcept {
    // An empty view may be null, which would be SQL's NULL.
    const char* const data = text.empty() ? "" : text.data();
    return code(sqlite3_bind_text64(statement_.get(), at, data, text.size(), SQLITE_TRANSIENT,
                                    SQLITE_UTF8));
}

error_code sqlite_statement::bind(int at, std::span<const std::byte> blob) noexcept {
    if (blob.empty()) return code(sqlite3_bind_zeroblob(statement_.get(), at, 0));
    return code(sqlite3_bind_blob64(statement_.get(), at, blob.data(), blob.size(), SQLITE_STATIC));
}

error_code sqlite_statement::bind(int at, std::nullopt_t) noexcept {
    return code(sqlite3_bind_null(statement_.get(), at));
}

error_code sqlite_statement::bind_column(int at, const sqlite_statement& row, int column) noexcept {
    sqlite3_stmt* const from = row.statement_.get();
    return code(sqlite3_bind_value(statement_.get(), at, sqlite3_column_value(from, column)));
}

result<bool> sqlite_statement::next() noexcept {
    errno = 0;
    const int got = sqlite3_step(statement_.get());
    if (got == SQLITE_ROW) return true;
    if (got == SQLITE_DONE) return false;
    return no_row(code(by_our_name(got)));
}

error_code sqlite_statement::run_bound() noexcept {
    const auto row = next();
    reset();
    return row ? error_code() : row.error();
}

void sqlite_statement::reset() noexcept { sqlite3_reset(statement_.get()); }

std::int64_t sqlite_statement::integer(int column) const noexcept {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string_view sqlite_statement::text(int column) const noexcept {
    const unsigned char* const data = sqlite3_column_text(statement_.get(), column);
    if (data == nullptr) return {};
    return {reinterpret_cast<const char*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::span<const std::byte> sqlite_statement::blob(int column) const noexcept {
    const void* const data = sqlite3_column_blob(statement_.get(), column);
    if (data == nullptr) return {};
    return {static_cast<const std::byte*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

parsed<std::unique_ptr<sqlite_database>> sqlite_database::open(const std::string& path) {
    // With our mode: SQLite gives its other files the mode of this one.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return parse_error{path + " cannot be opened: " +
                           error_code(errno, boost::system::system_category()).message()};
    ::close(fd);
    std::unique_ptr<sqlite_database> made(new sqlite_database());
    constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                          SQLITE_OPEN_PRIVATECACHE;
    const int failed = sqlite3_open_v2(path.c_str(), &made->database_, flags, nullptr);
    if (failed != SQLITE_OK)
        return parse_error{path + " cannot be opened: " + code(by_our_name(failed)).message()};
    // What a failed sync has left in the log must not be moved into the database on the way out.
    sqlite3_db_config(made->get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_db_config(made->get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    // Checkpoints are ours: SQLite's own swallow a failed sync.
    sqlite3_wal_hook(
        made->get(),
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<sqlite_database*>(self)->log_pages_ = pages;
            return SQLITE_OK;
        },
        made.get());
    // First of all: with the first read the index of the log would be in a file that others share,
    // and not in memory.
    if (const error_code ec = made->run("pragma locking_mode = exclusive"))
        return parse_error{path + " cannot be opened: " + ec.message()};
    return made;
}

sqlite_database::~sqlite_database() { sqlite3_close_v2(database_); }

error_code sqlite_database::run(const char* sql) noexcept {
    errno = 0;
    return code(by_our_name(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)));
}

result<std::optional<std::string>> sqlite_database::ask(std::string_view sql) {
    sqlite_statement statement;
    if (const error_code failed = statement.prepare(database_, sql, false)) return failed;
    const auto row = statement.next();
    if (!row) return row.error();
    std::optional<std::string> first;
    if (*row) first = std::string(statement.text(0));
    return first;
}

result<std::optional<std::string>> sqlite_database::ask_within(std::string_view sql,
                                                               std::chrono::milliseconds limit) {
    using clock = std::chrono::steady_clock;
    constexpr int steps = 10'000; // of SQLite's machine: a millisecond or so
    clock::time_point end = clock::now() + limit;
    const auto is_over = [](void* until) {
        return clock::now() > *static_cast<clock::time_point*>(until) ? 1 : 0;
    };
    sqlite3_progress_handler(database_, steps, is_over, &end);
    auto answer = ask(sql);
    sqlite3_progress_handler(database_, 0, nullptr, nullptr);
    if (!answer && answer.error().value() == SQLITE_INTERRUPT) return std::optional<std::string>();
    return answer;
}

bool sqlite_database::in_transaction() const noexcept {
    return sqlite3_get_autocommit(database_) == 0;
}

std::int64_t sqlite_database::changes() const noexcept { return sqlite3_changes64(database_); }

std::int64_t sqlite_database::last_sequence() const noexcept {
    return sqlite3_last_insert_rowid(database_);
}

std::string sqlite_database::message() const { return sqlite3_errmsg(database_); }

error_code sqlite_database::checkpoint(bool truncate) noexcept {
    const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    errno = 0;
    const int failed = sqlite3_wal_checkpoint_v2(database_, nullptr, mode, nullptr, nullptr);
    if (failed == SQLITE_OK) log_pages_ = 0;
    return code(by_our_name(failed));
}

} // namespace finpost::detail
