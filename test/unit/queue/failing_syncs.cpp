#include "unit/queue/failing_syncs.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::mutex mutex;
std::condition_variable changed;
std::size_t hanging = 0;
std::string while_there; // under the mutex, and these
ino_t bad_file = 0;
std::int64_t bad_from = 0, bad_to = 0;

std::atomic<bool> hangs{false};
std::atomic<std::size_t> count{0};
std::atomic<int> sync_error{0}, write_error{0}, read_error{0};
std::atomic<std::size_t> good_syncs{0}, bad_syncs{0};

void wait_while_it_hangs() {
    std::unique_lock lock(mutex);
    ++hanging;
    changed.notify_all();
    changed.wait(lock, [] { return !hangs; });
    --hanging;
}

// Of one thread: a store has no more.
bool sync_fails() {
    ++count;
    if (hangs) wait_while_it_hangs();
    if (sync_error == 0) return false;
    if (good_syncs > 0) {
        --good_syncs;
        return false;
    }
    if (bad_syncs == 0) return false;
    --bad_syncs;
    errno = sync_error;
    return true;
}

bool write_fails() {
    if (write_error == 0) return false;
    const std::lock_guard lock(mutex);
    if (!while_there.empty() && ::access(while_there.c_str(), F_OK) != 0) return false;
    errno = write_error;
    return true;
}

bool read_fails(int fd, size_t size, off64_t at) {
    if (read_error == 0) return false;
    const std::lock_guard lock(mutex);
    if (at >= bad_to || at + static_cast<off64_t>(size) <= bad_from) return false;
    struct stat about {};
    if (::fstat(fd, &about) != 0 || about.st_ino != bad_file) return false;
    errno = read_error;
    return true;
}

} // namespace

// These stand before the C library's: a program's own functions are found first, also by the
// libraries that it is linked with.
extern "C" int fdatasync(int fd) {
    return sync_fails() ? -1 : static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int fsync(int fd) {
    return sync_fails() ? -1 : static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
    return write_fails() ? -1 : ::syscall(SYS_pwrite64, fd, data, size, at);
}

extern "C" ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
    return write_fails() ? -1 : ::syscall(SYS_pwrite64, fd, data, size, at);
}

extern "C" ssize_t write(int fd, const void* data, size_t size) {
    return write_fails() ? -1 : ::syscall(SYS_write, fd, data, size);
}

extern "C" ssize_t pread64(int fd, void* to, size_t size, off64_t at) {
    return read_fails(fd, size, at) ? -1 : ::syscall(SYS_pread64, fd, to, size, at);
}

extern "C" ssize_t pread(int fd, void* to, size_t size, off_t at) {
    return read_fails(fd, size, at) ? -1 : ::syscall(SYS_pread64, fd, to, size, at);
}

namespace finpost::test {

void fail_reads(int error, const std::string& path, std::int64_t from, std::int64_t to) {
    struct stat about {};
    const bool there = ::stat(path.c_str(), &about) == 0;
    const std::lock_guard lock(mutex);
    bad_file = there ? about.st_ino : 0;
    bad_from = from;
    bad_to = to;
    read_error = error;
}

void fail_syncs(int error, std::size_t after, std::size_t times) {
    sync_error = 0;
    good_syncs = after;
    bad_syncs = times;
    sync_error = error;
}

void fail_writes(int error, const char* exists) {
    const std::lock_guard lock(mutex);
    while_there = exists;
    write_error = error;
}

std::size_t syncs() noexcept { return count; }

hanging_syncs::hanging_syncs() { hangs = true; }

hanging_syncs::~hanging_syncs() {
    const std::lock_guard lock(mutex);
    hangs = false;
    changed.notify_all();
}

bool hanging_syncs::wait_for_a_sync() const {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [] { return hanging > 0; });
}

} // namespace finpost::test
