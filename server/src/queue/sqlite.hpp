#pragma once

#include "finpost/error.hpp"
#include "finpost/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace finpost::detail {

/// SQLite's extended result codes as error codes; its name is "sqlite".
const boost::system::error_category& sqlite_category() noexcept;

/// What a group of changes can do about an error of the database.
bool is_full(const error_code& ec) noexcept;    ///< no room: before anything was synced
bool is_corrupt(const error_code& ec) noexcept; ///< a page is not what it should be
bool is_out_of_memory(const error_code& ec) noexcept;
bool is_unread(const error_code& ec) noexcept; ///< a page, and nothing was changed by it

/// For the process that owns SQLite, before the first database: it does not count the memory that
/// it has, and takes no mutex for that at each allocation.
void sqlite_counts_no_memory() noexcept;

/// SQLite's integers have a sign.
constexpr std::int64_t as_integer(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>(value);
}

/// A prepared statement. Values are bound in their order, from the first parameter on. Not thread
/// safe; it goes before its database.
class sqlite_statement {
public:
    sqlite_statement() noexcept;
    sqlite_statement(sqlite_statement&&) noexcept;
    sqlite_statement& operator=(sqlite_statement&&) noexcept;
    ~sqlite_statement();

    error_code prepare(sqlite3* database, std::string_view sql, bool kept = true);

    /// Runs it to its end, for what gives no rows.
    template <class... Values>
    error_code run(const Values&... values) {
        const error_code failed = begin(values...);
        return failed ? failed : run_bound();
    }
    error_code run_bound() noexcept;
    /// Binds; `next` gives row after row. Then `reset`, or a `sqlite_rows` does it.
    template <class... Values>
    error_code begin(const Values&... values) {
        reset();
        int at = 0;
        error_code failed;
        ((failed = failed ? failed : bind(++at, values)), ...);
        return failed;
    }
    error_code bind(int at, std::int64_t value) noexcept;
    error_code bind(int at, std::string_view text) noexcept;
    error_code bind(int at, std::span<const std::byte> blob) noexcept; ///< not copied
    error_code bind(int at, std::nullopt_t) noexcept;

    /// Whether there is a row.
    result<bool> next() noexcept;
    /// What `next` gives for an error: a `result<bool>` does not take one by itself.
    static result<bool> no_row(const error_code& why) noexcept {
        return {boost::system::in_place_error, why};
    }
    void reset() noexcept;

    /// Binds column `column` of `row`, whatever it is.
    error_code bind_column(int at, const sqlite_statement& row, int column) noexcept;

    /// Columns of the row, from 0 on; valid until the next one.
    std::int64_t integer(int column) const noexcept;
    std::string_view text(int column) const noexcept;
    std::span<const std::byte> blob(int column) const noexcept;

private:
    struct finalizer {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };
    std::unique_ptr<sqlite3_stmt, finalizer> statement_;
};

/// Resets a statement at the end of a block.
class sqlite_rows {
public:
    explicit sqlite_rows(sqlite_statement& of) noexcept : of_(of) {}
    ~sqlite_rows() { of_.reset(); }
    sqlite_rows(const sqlite_rows&) = delete;
    sqlite_rows& operator=(const sqlite_rows&) = delete;

private:
    sqlite_statement& of_;
};

/// The one connection. Closing it writes nothing: what is in the write-ahead log stays there.
class sqlite_database {
public:
    /// Fails with what SQLite or the system says, in words.
    static parsed<std::unique_ptr<sqlite_database>> open(const std::string& path);
    ~sqlite_database();
    sqlite_database(const sqlite_database&) = delete;
    sqlite_database& operator=(const sqlite_database&) = delete;

    sqlite3* get() const noexcept { return database_; }
    /// Statements without values and without rows that matter.
    error_code run(const char* sql) noexcept;
    /// The first column of the first row; nothing without a row.
    result<std::optional<std::string>> ask(std::string_view sql);
    /// The same, but no longer than `limit`, as far as SQLite can be stopped; nothing then.
    result<std::optional<std::string>> ask_within(std::string_view sql,
                                                  std::chrono::milliseconds limit);
    bool in_transaction() const noexcept;
    std::int64_t changes() const noexcept;
    std::int64_t last_sequence() const noexcept;
    /// What SQLite says about the last error.
    std::string message() const;

    /// Pages in the write-ahead log since the last `checkpoint`.
    int log_pages() const noexcept { return log_pages_; }
    /// Moves what is in the log into the database, and syncs both. `truncate`: empties the log.
    error_code checkpoint(bool truncate) noexcept;

private:
    sqlite_database() = default;

    sqlite3* database_ = nullptr;
    int log_pages_ = 0;
};

} // namespace finpost::detail
