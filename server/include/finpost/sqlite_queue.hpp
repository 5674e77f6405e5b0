#pragma once

#include "finpost/asio_settings.hpp"
#include "finpost/export.hpp"
#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_store.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace finpost {

/// A queue in a directory of this machine, for one process: SQLite, and files for large payloads.
struct sqlite_queue_config {
    /// It is made with mode 0700 where it is missing, with each ancestor. It belongs to the user
    /// that the process runs as, and nobody else can write to it. On a disk of this machine: of a
    /// network file system neither syncs nor locks are sure.
    std::string directory;
    /// Stored bytes, of payloads; above them a put is `queue_error::full`.
    std::uint64_t max_bytes = std::uint64_t{1} << 30;
    /// Whether only the oldest payload of a client address (without its port) is due.
    bool ordered = false;

    friend bool operator==(const sqlite_queue_config&, const sqlite_queue_config&) = default;
};

/// Opens or makes it; blocks meanwhile. Payloads that were being delivered by a process that has
/// ended are due at once.
///
/// `executor` is where handlers without an executor of their own are called. `thread` is where the
/// work is done, which waits for the disk: not an event loop that serves clients; one thread is
/// right. `counters.queue` counts what was there, and how long commits take. `on_fatal` is called
/// once, on `thread`, when the store does nothing any more and only a restart helps
/// (`queue_store::fatal`); it must not throw.
///
/// Throws std::runtime_error in words that name the directory: another process has it, its owner or
/// mode is wrong, the disk takes nothing, or the database is of a newer finpost.
/// Lifetime: when the last owner has gone, what was asked for is still done on `thread`, then the
/// directory is free. `counters` outlives that.
FINPOST_EXPORT std::shared_ptr<queue_store> open_sqlite_queue(const sqlite_queue_config& config,
                                                              boost::asio::any_io_executor executor,
                                                              boost::asio::any_io_executor thread,
                                                              metrics& counters, logger log = {},
                                                              std::function<void()> on_fatal = {});

} // namespace finpost
