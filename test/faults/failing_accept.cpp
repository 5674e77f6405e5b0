#include "faults/failing_accept.hpp"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

std::atomic<int> error_to_give{0};
std::atomic<std::size_t> left{0}, failed{0};

// A test's own services accept without an event loop, and are none of this.
bool is_of_an_event_loop(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

bool fails_now() {
    std::size_t seen = left.load();
    while (seen > 0)
        if (left.compare_exchange_weak(seen, seen - 1)) return true;
    return false;
}

} // namespace

// Stands before the C library's: a program's own functions are found first.
extern "C" int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
    if (is_of_an_event_loop(fd) && fails_now()) {
        ++failed;
        errno = error_to_give;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_accept4, fd, peer, size, flags));
}

namespace finpost::test {

void fail_accepts(int error, std::size_t times) {
    error_to_give = error;
    failed = 0;
    left = times;
}

std::size_t failed_accepts() { return failed; }

} // namespace finpost::test
