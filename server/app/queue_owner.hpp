#pragma once

#include "config/delivery_settings.hpp"

#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_store.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace finpost::detail {
class sqlite_store;
}

namespace finpost {

/// The queue of a process: its store, and the thread that waits for the disk, or for answers.
class queue_owner {
public:
    /// Opens it; blocks meanwhile. A database that is away is waited for later. `name`: of this
    /// gateway among those of a database. Throws std::runtime_error with what `finpostd` says.
    /// `on_fatal` is called once, on a thread of its own, when nothing is stored any more; it must
    /// not throw.
    queue_owner(const queue_settings& settings, bool ordered, std::string name,
                boost::asio::any_io_executor executor, metrics& counters, logger log,
                std::function<void()> on_fatal);
    ~queue_owner() { close(); }

    std::shared_ptr<queue_store> store() const;
    /// Why nothing is stored any more; empty while it works. `needed`: also when nothing can be
    /// stored just now. From any thread.
    std::string trouble(bool needed) const;
    /// What is in it, as of now, or of before where the disk takes its time. Waits for it; from any
    /// thread that may wait.
    queue_stats stats() const;

    /// What has been asked for is done, and what is asked for later fails.
    void close() noexcept;

private:
    void open_directory(const queue_settings& settings, bool ordered,
                        boost::asio::any_io_executor executor, metrics& counters, logger log,
                        std::function<void()> on_fatal);
    void open_database(const postgres_queue_config& config, boost::asio::any_io_executor executor,
                       metrics& counters, logger log);

    mutable boost::asio::thread_pool disk_{1};
    std::shared_ptr<detail::sqlite_store> embedded_; // null: it is in a database
    std::shared_ptr<queue_store> store_;
    mutable std::mutex mutex_;
    mutable queue_stats last_;
};

} // namespace finpost
