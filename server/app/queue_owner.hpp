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

/// The embedded queue of a process: its store, and the thread that waits for the disk.
class queue_owner {
public:
    /// Opens it; blocks meanwhile. Throws std::runtime_error with what `finpostd` says. `on_fatal`
    /// is called once, on a thread of its own, when nothing is stored any more; it must not throw.
    queue_owner(const queue_settings& settings, bool ordered, boost::asio::any_io_executor executor,
                metrics& counters, logger log, std::function<void()> on_fatal);
    ~queue_owner() { close(); }

    std::shared_ptr<queue_store> store() const;
    /// Why nothing is stored any more; empty while it works. From any thread.
    std::string trouble() const;
    /// What is in it, as of now, or of before where the disk takes its time. Waits for it; from any
    /// thread that may wait.
    queue_stats stats() const;

    /// What has been asked for is done, and what is asked for later fails.
    void close() noexcept;

private:
    mutable boost::asio::thread_pool disk_{1};
    std::shared_ptr<detail::sqlite_store> store_;
    mutable std::mutex mutex_;
    mutable queue_stats last_;
};

} // namespace finpost
