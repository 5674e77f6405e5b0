#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace finpost::test {

/// From now on, once so many have succeeded, this process's `fdatasync` and `fsync` fail with
/// `error`, `times` times. 0: everything is as before.
void fail_syncs(int error, std::size_t after = 0, std::size_t times = 1);

/// The same for `pwrite`, `pwrite64` and `write`, and until it is called again. While `exists`
/// names a file, they fail only as long as that is there.
void fail_writes(int error, const char* exists = "");

/// The same for what is read by `pread` and `pread64` of the file that is at `path` now, where it
/// touches the bytes from `from` to `to`.
void fail_reads(int error, const std::string& path = {}, std::int64_t from = 0,
                std::int64_t to = std::numeric_limits<std::int64_t>::max());

/// How many syncs there were in this process.
std::size_t syncs() noexcept;

/// While it lives, a sync waits: a disk that hangs.
class hanging_syncs {
public:
    hanging_syncs();
    ~hanging_syncs();
    hanging_syncs(const hanging_syncs&) = delete;
    hanging_syncs& operator=(const hanging_syncs&) = delete;

    /// Waits for at most 20 s until a sync hangs.
    bool wait_for_a_sync() const;
};

} // namespace finpost::test
