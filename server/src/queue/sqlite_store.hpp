#pragma once

#include "finpost/export.hpp"
#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_store.hpp"
#include "finpost/result.hpp"
#include "finpost/sqlite_queue.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace finpost::detail {

class group_commit;

struct sqlite_store_options {
    /// `DIR/queue.db`, `payloads/`, `lock`, `reserve`. It is made where it is missing (0700).
    std::string directory;
    /// Where handlers without an executor are called.
    boost::asio::any_io_executor executor;
    /// Where the work is done, which waits for the disk: not an event loop that serves clients. One
    /// thread is right, and more are no harm, for one thing is done after another.
    boost::asio::any_io_executor thread;
    /// Stored bytes, of bodies; above them a put is `queue_error::full`.
    std::uint64_t max_bytes = std::uint64_t{1} << 30;
    /// Bodies above it are files. 0 to 512 MiB.
    std::size_t file_above = 256 << 10;
    /// Only the oldest payload of a client address (without its port) is due.
    bool ordered = false;
    /// Leaves that as it is in the database, if there is one: for who only looks after a queue.
    bool keep_order = false;
    /// The longest that `async_failed` makes a payload wait.
    std::chrono::milliseconds longest_wait = std::chrono::hours(24);
    /// The clock of the queue; without one `queue_clock`.
    std::function<queue_entry::time_point()> now;
    /// As `sqlite_queue_options` has them. A test that follows each write has small ones.
    int long_log = 2'000;
    std::int64_t spare_pages = 4'096;
    logger log;
    /// How long commits took; null: not recorded. It outlives the last operation.
    histogram* commit_seconds = nullptr;
    /// Called once, on `thread`, when `fatal()` has become true. It must not throw.
    std::function<void()> on_fatal;
};

/// A queue in a directory of one machine: SQLite, and files for large payloads.
///
/// Lifetime: what has been asked for when it is destroyed is done on `thread` before the database
/// is closed. The directory is free when `thread` has done that.
class sqlite_store final : public queue_store {
public:
    /// Opens or makes it; blocks meanwhile. Fails in words that name the directory: another process
    /// has it, its owner or mode is wrong, or its database is of a newer finpost.
    static parsed<std::unique_ptr<sqlite_store>> open(sqlite_store_options options);
    /// Like `close`.
    ~sqlite_store() override;

    /// What has been asked for is done on `thread`, then the database is closed and its directory
    /// free, though others may hold this object. What is asked for later fails.
    void close() noexcept;

    executor_type get_executor() const noexcept override { return executor_; }
    std::optional<std::string> fatal() const override;

private:
    sqlite_store(executor_type executor, std::shared_ptr<group_commit> commits);

    void put(std::vector<new_payload> batch, completion_handler<> done) override;
    void claim(std::size_t most, milliseconds lease, std::string owner, std::string upstream,
               completion_handler<claimed_payloads> done) override;
    void delivered(std::vector<request_id> ids, completion_handler<std::size_t> done) override;
    void failed(held_payload held, milliseconds retry_in, attempt_failure why,
                completion_handler<> done) override;
    void dead(held_payload held, attempt_failure why, completion_handler<> done) override;
    void list(queue_filter filter, queue_page page,
              completion_handler<std::vector<queue_entry>> done) override;
    void show(request_id id, completion_handler<std::optional<stored_payload>> done) override;
    void replay(queue_filter filter, queue_page page,
                completion_handler<std::size_t> done) override;
    void drop(queue_filter filter, queue_page page, completion_handler<std::size_t> done) override;
    void stats(completion_handler<queue_stats> done) override;

    enum class kind { adds, changes, reads };
    template <class Result, class Perform, class Handler>
    void begin(Perform perform, Handler done, kind what = kind::changes);

    const executor_type executor_;
    const std::shared_ptr<group_commit> commits_;
};

/// As `open_sqlite_queue`, which gives the same as what everybody knows.
std::shared_ptr<sqlite_store> open_counted(const sqlite_queue_config& config,
                                           boost::asio::any_io_executor executor,
                                           boost::asio::any_io_executor thread, metrics& counters,
                                           logger log, std::function<void()> on_fatal);

} // namespace finpost::detail
