#pragma once

#include "net/unique_fd.hpp"

#include "finpost/error.hpp"
#include "finpost/result.hpp"

#include <string>

namespace finpost::detail {

/// The directory of an embedded queue, and the lock that says that it is ours.
///
/// DIR is made with mode 0700 where it is missing, with each ancestor, and `DIR/payloads` in it.
/// One of another owner, or that others can write to, is refused in words. `DIR/lock` has an
/// exclusive flock(2) as long as this lives, and names the process; it is gone with the process,
/// however that ends. Not thread safe.
class queue_directory {
public:
    static parsed<queue_directory> open(const std::string& path);

    /// What `open` would say, in words; nothing is made or taken. `in_use`: that another process
    /// has it, which is none of the problems.
    struct look {
        std::string problem;
        std::string in_use;
    };
    static look look_at(const std::string& path);

    std::string database() const { return path_ + "/queue.db"; }
    std::string write_ahead_log() const { return path_ + "/queue.db-wal"; }
    std::string payloads() const { return path_ + "/payloads"; }
    std::string reserve() const { return path_ + "/reserve"; }
    const std::string& path() const noexcept { return path_; }

    /// Makes the names that were added to DIR durable.
    error_code sync() const noexcept;

private:
    queue_directory(std::string path, unique_fd lock) noexcept
        : path_(std::move(path)), lock_(std::move(lock)) {}

    std::string path_;
    unique_fd lock_;
};

/// Where the name of a path stands: "/a" for "/a/b", "." for "b".
std::string parent_of(const std::string& path);

/// fsync of a directory: the names that were added to it are durable.
error_code sync_directory(const std::string& path) noexcept;

/// fsync of a file: its bytes and its size are durable. No connection of SQLite's may have it open.
error_code sync_file(const std::string& path) noexcept;

/// What the system said last.
error_code last_system_error() noexcept;
/// A disk, a quota or the limit of a file that has no room.
bool is_no_space(const error_code& ec) noexcept;

} // namespace finpost::detail
