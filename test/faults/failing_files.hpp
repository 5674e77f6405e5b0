#pragma once

#include <cstddef>

namespace finpost::test {

/// From now on, once so many have succeeded, this process's `pwrite` fails with `error`, as on a
/// disk that is full or broken. 0: everything is as before.
void fail_writes(int error, std::size_t after = 0);

/// The same for `sendfile`: a file that can be written and not be read again.
void fail_reads(int error, std::size_t after = 0);

/// From now on one `pwrite` takes so many bytes at most; 0: as many as it likes.
void write_at_most(std::size_t bytes);

/// While it lives, a `pwrite` waits: a disk that hangs. It holds up the thread that calls it.
class hanging_disk {
public:
    hanging_disk();
    ~hanging_disk();
    hanging_disk(const hanging_disk&) = delete;
    hanging_disk& operator=(const hanging_disk&) = delete;

    /// Waits for at most 20 s until a write hangs.
    bool wait_for_a_write() const;
};

} // namespace finpost::test
