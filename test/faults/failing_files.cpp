#include "faults/failing_files.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <sys/syscall.h>
#include <unistd.h>

namespace {

// What fails, and how often it still succeeds.
class failure {
public:
    void set(int error, std::size_t after) {
        after_ = after;
        error_ = error;
    }
    bool happens_now() {
        if (error_ == 0) return false;
        std::size_t left = after_.load();
        while (left > 0)
            if (after_.compare_exchange_weak(left, left - 1)) return false;
        errno = error_;
        return true;
    }

private:
    std::atomic<int> error_{0};
    std::atomic<std::size_t> after_{0};
};

failure of_writes, of_reads;
std::atomic<std::size_t> most{0};
std::atomic<bool> hangs{false};
std::mutex mutex;
std::condition_variable changed;
std::size_t hanging = 0;

void wait_while_it_hangs() {
    std::unique_lock lock(mutex);
    ++hanging;
    changed.notify_all();
    changed.wait(lock, [] { return !hangs; });
    --hanging;
}

} // namespace

// These stand before the C library's: a program's own functions are found first.
extern "C" ssize_t pwrite(int fd, const void* data, std::size_t size, off_t at) {
    if (hangs) wait_while_it_hangs();
    if (of_writes.happens_now()) return -1;
    if (const std::size_t limit = most) size = std::min(size, limit);
    return ::syscall(SYS_pwrite64, fd, data, size, at);
}

extern "C" ssize_t sendfile(int to, int from, off_t* at, std::size_t size) noexcept {
    if (of_reads.happens_now()) return -1;
    return ::syscall(SYS_sendfile, to, from, at, size);
}

namespace finpost::test {

void fail_writes(int error, std::size_t after) { of_writes.set(error, after); }

void fail_reads(int error, std::size_t after) { of_reads.set(error, after); }

void write_at_most(std::size_t bytes) { most = bytes; }

hanging_disk::hanging_disk() { hangs = true; }

hanging_disk::~hanging_disk() {
    const std::lock_guard lock(mutex);
    hangs = false;
    changed.notify_all();
}

bool hanging_disk::wait_for_a_write() const {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), [] { return hanging > 0; });
}

} // namespace finpost::test
