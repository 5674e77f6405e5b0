#include "faults/failing_send.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::atomic<bool> chokes{false};
std::mutex mutex;
std::string beginning;
std::set<int> choked; // descriptors

// How much of it is sent.
std::size_t let_through(int fd, const void* data, std::size_t size) {
    const std::lock_guard lock(mutex);
    if (choked.contains(fd)) return 0;
    const bool meant = !beginning.empty() && size >= beginning.size() &&
                       std::memcmp(data, beginning.data(), beginning.size()) == 0;
    if (!meant) return size;
    choked.insert(fd);
    return size / 2;
}

} // namespace

// Stands before the C library's: a program's own functions are found first.
extern "C" ssize_t send(int fd, const void* data, std::size_t size, int flags) {
    if (chokes) {
        size = let_through(fd, data, size);
        if (size == 0) {
            errno = EAGAIN;
            return -1;
        }
    }
    return ::syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
}

namespace finpost::test {

void choke_on(std::string_view text) {
    const std::lock_guard lock(mutex);
    beginning = text;
    choked.clear();
    chokes = !text.empty();
}

} // namespace finpost::test
