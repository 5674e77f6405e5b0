#pragma once

#include "async/alarm_clock.hpp"
#include "queue/postgres/operation.hpp"
#include "queue/postgres/session.hpp"

#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace finpost::detail {

/// One connection of a store, and what waits for it: all that waits goes into the next transaction,
/// within bounds, and meanwhile the next gathers. Without a connection it waits, until its time is
/// over.
///
/// Threads: `add`, `withdraw`, `close` and `unavailable` from any; the rest runs in its sequence.
/// Held by shared_ptr.
class postgres_channel : public std::enable_shared_from_this<postgres_channel> {
public:
    using clock = std::chrono::steady_clock;
    using operation = std::shared_ptr<postgres_operation>;

    /// `name` is for the log and the books; `commit_seconds` may be null.
    postgres_channel(boost::asio::any_io_executor sequence,
                     std::shared_ptr<const postgres_settings> settings, const std::string& name,
                     histogram* commit_seconds, logger log);

    void start();
    /// Throws std::bad_alloc.
    void add(operation one);
    /// What its end is, when nobody waits for it any more: `operation_aborted` when it had not
    /// begun, and never will.
    error_code withdraw(const operation& one);
    /// When everything that was added has ended, the connection is closed.
    void close() noexcept;
    /// How many operations wait or are under way; nothing while there is no connection.
    std::optional<std::size_t> load() const;

    /// Why there is no connection, in words; nothing while there is one.
    std::optional<std::string> unavailable() const;

private:
    using operations = std::list<operation>; // whose elements move without memory
    enum class state { committed, unknown, lost, refused };

    // Says so when the coroutine ends, whatever end it has: for want of memory it is destroyed, and
    // nobody is told.
    class at_end {
    public:
        explicit at_end(std::shared_ptr<postgres_channel> self) noexcept : self_(std::move(self)) {}
        at_end(at_end&&) noexcept = default;
        ~at_end() {
            if (self_) self_->ended();
        }

    private:
        std::shared_ptr<postgres_channel> self_;
    };

    boost::asio::awaitable<void> run(at_end end);
    boost::asio::awaitable<void> step();
    boost::asio::awaitable<void> connect();
    boost::asio::awaitable<parsed<void>> settle_order(const postgres_server& server);
    boost::asio::awaitable<void> pause();
    boost::asio::awaitable<void> rest();
    boost::asio::awaitable<void> serve();
    boost::asio::awaitable<void> roll_back();
    postgres_settings settings_with_last(const std::string& place) const;
    void expect_answer() noexcept;
    void post_look() noexcept;
    void look() noexcept;
    boost::asio::awaitable<void> look_elsewhere(std::shared_ptr<postgres_channel> self,
                                                std::shared_ptr<postgres_connection> slow);
    void ended() noexcept;

    void post_wake();
    void woken() noexcept;
    void take_group();
    bool over() const;
    bool ask_group(postgres_statements& out);
    bool ask_puts(postgres_statements& out);
    state judge(const postgres_outcome& outcome, std::size_t asked) const noexcept;
    void take_answers(const postgres_outcome& outcome);
    void refuse(const postgres_outcome& outcome);
    void one_by_one();
    void give_back(bool sent) noexcept;
    void fail_group(const error_code& why) noexcept;
    void connected(const std::string& place);
    void lose(const std::string& why);
    void note(std::string why);
    void expire() noexcept;

    const boost::asio::any_io_executor sequence_;
    const std::shared_ptr<const postgres_settings> settings_;
    const std::string name_;
    postgres_terms terms_; // changed in the sequence
    histogram* const commit_seconds_;
    const logger log_;
    boost::asio::steady_timer pause_;
    std::unique_ptr<alarm_clock> again_;   // begins anew what has ended for want of memory
    std::unique_ptr<alarm_clock> expiry_;  // of the operation whose time is over first
    std::unique_ptr<alarm_clock> overdue_; // of the answer that is waited for

    // In the sequence:
    std::shared_ptr<postgres_connection> connection_;
    std::vector<std::size_t> asked_; // statements of each operation of the group
    std::size_t single_ = 0;         // so many operations go one by one
    unsigned failures_ = 0;          // connected since the last commit, or in vain
    bool standbys_seen_ = false;
    bool idle_ = false;
    bool sent_ = false;    // the group, and it was not judged yet
    bool looking_ = false; // elsewhere, for its answer is overdue
    std::string left_;     // the server whose connection was lost last

    mutable std::mutex mutex_;
    operations waiting_;
    operations group_; // under way
    std::string why_ = "not connected yet";
    bool connected_ = false;
    bool closing_ = false;
    bool wake_posted_ = false;
    bool done_ = false;
};

} // namespace finpost::detail
