#pragma once

#include "queue/queue_directory.hpp"
#include "queue/sqlite_queue.hpp"
#include "queue/store_operation.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// What a store's thread does: it takes all that waits, does it in one transaction with one sync,
/// and tells. Meanwhile the next group gathers; nothing waits for a time to pass.
///
/// When a sync has failed, nobody knows what the disk has. Nothing of the group is acknowledged,
/// the database is closed, and opened again only if its log can be written and synced anew.
/// Otherwise the state is fatal, and everything fails.
///
/// Threads: `add`, `withdraw`, `close` and `fatal` from any; the rest runs on `thread`, one step
/// after another, whoever runs that.
class group_commit : public std::enable_shared_from_this<group_commit> {
public:
    using operation = std::shared_ptr<store_operation>;

    /// `commit_seconds` may be null, `on_fatal` empty.
    group_commit(queue_directory directory, sqlite_queue_options options,
                 boost::asio::any_io_executor thread, histogram* commit_seconds,
                 std::function<void()> on_fatal);

    /// Before anything else, on the thread of whoever starts. Fails in words.
    parsed<void> open();

    /// Throws std::bad_alloc.
    void add(operation one);
    /// Whether it had not begun: it never will.
    bool withdraw(const operation& one);
    /// When everything that was added is done, the database is closed and its directory free.
    void close();

    std::optional<std::string> fatal() const;

private:
    using operations = std::span<const operation>;

    void post_run();
    void run() noexcept;
    std::vector<operation> take_group() noexcept;
    bool nothing_waits() const;
    void perform(operations group);
    void change(operations group);
    void perform_without_room(operations group);
    void perform_each(operations group);
    error_code try_group(operations group, bool& committing);
    error_code try_once(operations group, bool& committing);
    static void fail(operations group, const error_code& why) noexcept;
    void keep_house();
    void recover(const error_code& why) noexcept;
    void give_up(std::string_view why) noexcept;
    void shut();

    std::optional<queue_directory> directory_;
    const sqlite_queue_options options_;
    const boost::asio::any_io_executor thread_;
    histogram* const commit_seconds_;
    const std::function<void()> on_fatal_;
    std::unique_ptr<sqlite_queue> queue_; // null: fatal, or closed

    mutable std::mutex mutex_;
    std::vector<operation> waiting_;
    std::optional<std::string> fatal_;
    bool running_ = false; // on the thread, or on its way there
    bool closing_ = false;
};

} // namespace finpost::detail
