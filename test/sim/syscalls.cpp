// The system calls of this program. The linker takes these before those of the C library, for what
// is linked statically and for shared libraries as well. Without a simulated kernel, and for
// descriptors that are not its own, they are the real ones. A call that is not known here ends the
// program: nothing of the product may slip past.
#include "sim/disk.hpp"
#include "sim/epoll.hpp"
#include "sim/tcp.hpp"

#include <linux/sockios.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

using namespace finpost::sim;

namespace {

kernel* world() noexcept { return kernel::current; }
bool simulated(int fd) noexcept { return world() != nullptr && fd >= kernel::first_fd; }

[[noreturn]] void unknown(const char* call) {
    std::fprintf(stderr, "the simulated kernel does not know this %s\n", call);
    std::abort();
}

template <class T>
T give(T n) noexcept {
    if (n >= 0) return n;
    errno = static_cast<int>(-n);
    return -1;
}

// A call that begins. Who is dead gets an error everywhere.
struct call {
    call(const char* name, std::int64_t a = 0, std::int64_t b = 0) { world()->enter(name, a, b); }
    bool dead() const noexcept { return world()->dead; }
    template <class T>
    T is(T n) const {
        world()->note("=", n);
        return give(n);
    }
    outside ours;
};

std::int64_t name_of_end(int fd) {
    const auto* const one = world()->as<tcp_end>(fd);
    return one != nullptr ? one->id : -1;
}

int no_socket(int fd) { return world()->get(fd) != nullptr ? -ENOTSOCK : -EBADF; }
bool listens(int fd) { return world()->as<listening>(fd) != nullptr; }

/// Of what is read and written at an offset.
int no_file(int fd, int otherwise) {
    return world()->dead || world()->get(fd) == nullptr ? -EBADF : otherwise;
}

sockaddr_in in_of(const sockaddr* a) noexcept {
    sockaddr_in out{};
    std::memcpy(&out, a, sizeof out);
    return out;
}

void put(const sockaddr_in& from, sockaddr* to, socklen_t* size) noexcept {
    if (to == nullptr) return;
    std::memcpy(to, &from, std::min<std::size_t>(*size, sizeof from));
    *size = sizeof from;
}

// Nothing in the simulation can wake a thread that waits in a call.
template <class T>
T waits(T said, int fd, bool at_all = true) {
    if (said == -EAGAIN && at_all && world()->get(fd)->blocks) unknown("call that waits");
    return said;
}

ssize_t gather(int fd, const iovec* v, std::size_t n, const char* name, int flags = 0) {
    const call now(name, name_of_end(fd));
    if (now.dead()) return give<ssize_t>(-EPIPE);
    auto* const one = world()->as<tcp_end>(fd);
    if (one == nullptr) return now.is<ssize_t>(listens(fd) ? -EPIPE : no_socket(fd));
    const bool may_wait = (flags & MSG_DONTWAIT) == 0;
    if (n == 1) return now.is<ssize_t>(waits(one->send(v->iov_base, v->iov_len), fd, may_wait));
    std::string all;
    for (std::size_t i = 0; i < n; ++i)
        all.append(static_cast<const char*>(v[i].iov_base), v[i].iov_len);
    return now.is<ssize_t>(waits(one->send(all.data(), all.size()), fd, may_wait));
}

ssize_t take(int fd, void* to, std::size_t n, int flags) {
    const bool peek = (flags & MSG_PEEK) != 0;
    const call now(peek ? "peek" : "recv", name_of_end(fd), static_cast<std::int64_t>(n));
    if (now.dead()) return give<ssize_t>(-ECONNRESET);
    auto* const one = world()->as<tcp_end>(fd);
    if (one == nullptr) return now.is<ssize_t>(listens(fd) ? -ENOTCONN : no_socket(fd));
    return now.is<ssize_t>(waits(one->receive(to, n, peek), fd, (flags & MSG_DONTWAIT) == 0));
}

} // namespace

// ---- memory of the program

namespace {

bool fails_now() noexcept {
    return outside::inside && world() != nullptr && world()->allocation_fails();
}

} // namespace

void* operator new(std::size_t size) {
    void* const memory = fails_now() ? nullptr : std::malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
// AddressSanitizer has one of its own, whose memory `delete` below must not get.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return fails_now() ? nullptr : std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

extern "C" {

// Asio's operations take theirs so.
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    void* memory = nullptr;
    if (fails_now() || ::posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) != 0)
        return nullptr;
    return memory;
}

void* mmap(void* where, std::size_t size, int protection, int flags, int fd, off_t at) noexcept {
    if (simulated(fd)) unknown("mmap of a file");
    if (fails_now()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return reinterpret_cast<void*>(::syscall(SYS_mmap, where, size, protection, flags, fd, at));
}

void* mremap(void* where, std::size_t was, std::size_t size, int flags, ...) noexcept {
    if ((flags & MREMAP_FIXED) != 0) unknown("mremap to a place");
    if (fails_now()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return reinterpret_cast<void*>(::syscall(SYS_mremap, where, was, size, flags, nullptr));
}

// ---- clocks

int clock_gettime(clockid_t which, timespec* to) noexcept {
    if (world() == nullptr) return static_cast<int>(::syscall(SYS_clock_gettime, which, to));
    world()->now += 50;
    const nanos now = world()->now + (which == CLOCK_REALTIME ? 1'900'000'000 * s : 0);
    to->tv_sec = now / s;
    to->tv_nsec = now % s;
    return 0;
}

// ---- descriptors

int close(int fd) {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_close, fd));
    const call now("close", fd, name_of_end(fd));
    if (now.dead()) return 0;
    return give(world()->close(fd));
}

// Of the files, those that a payload goes to are the simulated kernel's; certificates and such are
// real.
int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    const bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    if (world() == nullptr || (std::strcmp(path, "/dev/null") != 0 && !unnamed))
        return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
    const call now("open", unnamed);
    if (now.dead()) return give(-EMFILE);
    if (unnamed) return now.is(make_disk_file(*world()));
    return now.is(world()->open(world()->make<null_file>()));
}

int fcntl(int fd, int cmd, ...) {
    va_list more;
    va_start(more, cmd);
    const long arg = va_arg(more, long);
    va_end(more);
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_fcntl, fd, cmd, arg));
    if (world()->get(fd) == nullptr) return give(-EBADF);
    if (cmd == F_GETFL) return O_RDWR | (world()->get(fd)->blocks ? 0 : O_NONBLOCK);
    if (cmd == F_SETFL) world()->get(fd)->blocks = (arg & O_NONBLOCK) == 0;
    if (cmd == F_SETFL || cmd == F_SETFD || cmd == F_GETFD) return 0;
    unknown("fcntl");
}

int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list more;
    va_start(more, request);
    void* const arg = va_arg(more, void*);
    va_end(more);
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_ioctl, fd, request, arg));
    const call now("ioctl", fd, static_cast<std::int64_t>(request));
    if (now.dead()) return give(-EBADF);
    auto* const one = world()->as<tcp_end>(fd);
    if (world()->get(fd) == nullptr) return give(-EBADF);
    if (request == FIONBIO) {
        world()->get(fd)->blocks = *static_cast<int*>(arg) == 0;
        return 0;
    }
    if (one == nullptr) return give(listens(fd) ? -EINVAL : -ENOTTY);
    if (request == SIOCOUTQ)
        *static_cast<int*>(arg) = static_cast<int>(one->unacknowledged());
    else if (request == FIONREAD)
        *static_cast<int*>(arg) = static_cast<int>(one->in.size());
    else
        unknown("ioctl");
    return 0;
}

ssize_t pwrite(int fd, const void* from, size_t n, off_t at) {
    if (!simulated(fd)) return ::syscall(SYS_pwrite64, fd, from, n, at);
    const call now("pwrite", static_cast<std::int64_t>(n), at);
    auto* const one = world()->as<disk_file>(fd);
    if (now.dead() || one == nullptr) return now.is<ssize_t>(no_file(fd, -ESPIPE));
    return now.is<ssize_t>(one->write(from, n, at));
}

ssize_t pread(int fd, void* to, size_t n, off_t at) {
    if (!simulated(fd)) return ::syscall(SYS_pread64, fd, to, n, at);
    const call now("pread", static_cast<std::int64_t>(n), at);
    auto* const one = world()->as<disk_file>(fd);
    if (now.dead() || one == nullptr) return now.is<ssize_t>(no_file(fd, -ESPIPE));
    return now.is<ssize_t>(one->read(to, n, at));
}

int ftruncate(int fd, off_t size) noexcept {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
    const call now("ftruncate", size);
    auto* const one = world()->as<disk_file>(fd);
    if (now.dead() || one == nullptr) return now.is(no_file(fd, -EINVAL));
    return give(static_cast<int>(one->truncate(size)));
}

ssize_t write(int fd, const void* from, size_t n) {
    if (!simulated(fd)) return ::syscall(SYS_write, fd, from, n);
    const call now("write", fd);
    if (now.dead()) return static_cast<ssize_t>(n);
    auto* const one = world()->as<event_file>(fd);
    if (one == nullptr) unknown("write");
    if (n < sizeof(std::uint64_t)) return give<ssize_t>(-EINVAL);
    std::uint64_t more = 0;
    std::memcpy(&more, from, sizeof more);
    return give<ssize_t>(one->write(more));
}

ssize_t read(int fd, void* to, size_t n) {
    if (!simulated(fd)) return ::syscall(SYS_read, fd, to, n);
    const call now("read", fd);
    if (now.dead()) return give<ssize_t>(-EAGAIN);
    auto* const counter = world()->as<event_file>(fd);
    auto* const timer = world()->as<timer_file>(fd);
    if (counter == nullptr && timer == nullptr) unknown("read");
    std::uint64_t value = 0;
    if (n < sizeof value) return give<ssize_t>(-EINVAL);
    const std::int64_t got = counter != nullptr ? counter->read(value) : timer->read(value);
    if (got > 0) std::memcpy(to, &value, sizeof value);
    return give<ssize_t>(got);
}

// ---- epoll, eventfd, timerfd, poll

int epoll_create1(int flags) noexcept {
    if (world() == nullptr) return static_cast<int>(::syscall(SYS_epoll_create1, flags));
    const call now("epoll_create");
    return give(world()->open(world()->make<epoll_file>()));
}

int epoll_ctl(int e, int op, int fd, epoll_event* what) noexcept {
    if (!simulated(e)) return static_cast<int>(::syscall(SYS_epoll_ctl, e, op, fd, what));
    const call now("epoll_ctl", op, fd);
    if (now.dead()) return 0;
    if (world()->get(e) == nullptr || world()->get(fd) == nullptr) return now.is(-EBADF);
    auto* const one = world()->as<epoll_file>(e);
    return now.is(one == nullptr ? -EINVAL : one->control(op, fd, what));
}

int epoll_wait(int e, epoll_event* out, int most, int timeout) {
    if (!simulated(e)) return static_cast<int>(::syscall(SYS_epoll_wait, e, out, most, timeout));
    const call now("epoll_wait", timeout);
    if (now.dead()) return 0;
    auto* const one = world()->as<epoll_file>(e);
    if (one == nullptr) return give(world()->get(e) != nullptr ? -EINVAL : -EBADF);
    return give(one->wait(out, most, timeout));
}

int eventfd(unsigned int count, int flags) noexcept {
    if (world() == nullptr) return static_cast<int>(::syscall(SYS_eventfd2, count, flags));
    const call now("eventfd");
    auto* const one = world()->make<event_file>();
    one->count = count;
    return give(world()->open(one));
}

int timerfd_create(clockid_t clock, int flags) noexcept {
    if (world() == nullptr) return static_cast<int>(::syscall(SYS_timerfd_create, clock, flags));
    const call now("timerfd");
    return give(world()->open(world()->make<timer_file>()));
}

int timerfd_settime(int fd, int flags, const itimerspec* to, itimerspec* was) noexcept {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_timerfd_settime, fd, flags, to, was));
    const nanos span = to->it_value.tv_sec * s + to->it_value.tv_nsec;
    const call now("settime", flags, span);
    if (now.dead()) return 0;
    auto* const one = world()->as<timer_file>(fd);
    if (one == nullptr) return give(world()->get(fd) != nullptr ? -EINVAL : -EBADF);
    if (to->it_value.tv_nsec < 0 || to->it_value.tv_nsec >= s || to->it_value.tv_sec < 0)
        return give(-EINVAL);
    if (was != nullptr) *was = {{}, {one->left() / s, one->left() % s}};
    one->set(span == 0 ? 0 : (flags & TFD_TIMER_ABSTIME) != 0 ? span : world()->now + span);
    return 0;
}

int poll(pollfd* fds, nfds_t n, int timeout) {
    const int first = n > 0 ? fds[0].fd : -1;
    if (!simulated(first)) {
        timespec t{timeout / 1000, timeout % 1000 * 1'000'000};
        return static_cast<int>(
            ::syscall(SYS_ppoll, fds, n, timeout < 0 ? nullptr : &t, nullptr, 0));
    }
    const call now("poll", first, timeout);
    if (now.dead()) return give(-EINTR);
    if (timeout != 0) unknown("poll that waits");
    int ready = 0;
    for (nfds_t i = 0; i < n; ++i) {
        file* const one = world()->get(fds[i].fd);
        const unsigned wanted = static_cast<unsigned short>(fds[i].events) | POLLERR | POLLHUP;
        fds[i].revents = static_cast<short>(fds[i].fd < 0    ? 0u
                                            : one == nullptr ? static_cast<unsigned>(POLLNVAL)
                                                             : one->ready() & wanted);
        ready += fds[i].revents != 0;
    }
    world()->note("=", ready, fds[0].revents);
    return ready;
}

// ---- sockets

int socket(int family, int type, int protocol) noexcept {
    if (world() == nullptr) return static_cast<int>(::syscall(SYS_socket, family, type, protocol));
    const call now("socket");
    if (family != AF_INET || (type & 0xf) != SOCK_STREAM) return give(-EAFNOSUPPORT);
    kernel& k = *world();
    if (now.dead() || k.happens(hardship::socket_fails, k.hard.socket_fails, k.dice))
        return now.is(k.dice.chance(0.5) ? -EMFILE : -ENOBUFS);
    tcp_end& made = network::current->make_end(k.tick);
    made.blocks = (type & SOCK_NONBLOCK) == 0;
    return now.is(k.open(&made));
}

int bind(int fd, const sockaddr* to, socklen_t size) noexcept {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_bind, fd, to, size));
    const call now("bind", fd);
    if (now.dead()) return give(-EBADF);
    return now.is(network::current->bind(fd, in_of(to)));
}

int listen(int fd, int backlog) noexcept {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_listen, fd, backlog));
    const call now("listen", fd);
    if (now.dead()) return give(-EBADF);
    return now.is(network::current->listen(fd, backlog));
}

int accept4(int fd, sockaddr* peer, socklen_t* size, int flags) {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_accept4, fd, peer, size, flags));
    const call now("accept", fd);
    if (now.dead()) return give(-EINVAL);
    sockaddr_in from{};
    const int got = waits(network::current->accept(fd, &from), fd);
    if (got >= 0) {
        put(from, peer, size);
        world()->get(got)->blocks = (flags & SOCK_NONBLOCK) == 0;
    }
    return now.is(got);
}
int accept(int fd, sockaddr* peer, socklen_t* size) { return accept4(fd, peer, size, 0); }

int connect(int fd, const sockaddr* to, socklen_t size) {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_connect, fd, to, size));
    const call now("connect", fd);
    kernel& k = *world();
    auto* const one = k.as<tcp_end>(fd);
    if (now.dead()) return give(-EBADF);
    if (one == nullptr) return now.is(listens(fd) ? -EISCONN : no_socket(fd));
    if (k.happens(hardship::socket_fails, k.hard.socket_fails, k.dice)) return now.is(-ENOBUFS);
    const int said = one->connect(in_of(to));
    if (said == -EINPROGRESS && one->blocks) unknown("connect that waits");
    return now.is(said);
}

ssize_t recv(int fd, void* to, size_t n, int flags) {
    if (!simulated(fd)) return ::syscall(SYS_recvfrom, fd, to, n, flags, nullptr, nullptr);
    return take(fd, to, n, flags);
}
ssize_t recvmsg(int fd, msghdr* m, int flags) {
    if (!simulated(fd)) return ::syscall(SYS_recvmsg, fd, m, flags);
    m->msg_flags = 0;
    return take(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len,
                flags); // a short read is allowed
}
ssize_t send(int fd, const void* from, size_t n, int flags) {
    if (!simulated(fd)) return ::syscall(SYS_sendto, fd, from, n, flags, nullptr, 0);
    const iovec one{const_cast<void*>(from), n};
    return gather(fd, &one, 1, "send", flags);
}
ssize_t sendmsg(int fd, const msghdr* m, int flags) {
    if (!simulated(fd)) return ::syscall(SYS_sendmsg, fd, m, flags);
    return gather(fd, m->msg_iov, m->msg_iovlen, "sendmsg", flags);
}
ssize_t sendfile(int fd, int from, off_t* offset, size_t n) noexcept {
    if (!simulated(fd)) return ::syscall(SYS_sendfile, fd, from, offset, n);
    outside ours;
    auto* const source = world()->as<disk_file>(from);
    if (source == nullptr || world()->get(fd) == nullptr) return give<ssize_t>(-EBADF);
    if (*offset < 0) return give<ssize_t>(-EINVAL);
    std::string data(std::min<std::size_t>(n, 256 << 10), '\0');
    const std::int64_t got = source->read(data.data(), data.size(), *offset);
    if (got <= 0) return give<ssize_t>(got);
    const iovec one{data.data(), static_cast<std::size_t>(got)};
    const ssize_t sent = gather(fd, &one, 1, "sendfile");
    if (sent > 0) *offset += sent;
    return sent;
}

int shutdown(int fd, int how) noexcept {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_shutdown, fd, how));
    const call now("shutdown", name_of_end(fd), how);
    if (now.dead()) return 0;
    return now.is(network::current->shutdown(fd, how));
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
    if (!simulated(fd))
        return static_cast<int>(::syscall(SYS_setsockopt, fd, level, name, value, size));
    int number = 0;
    std::memcpy(&number, value, std::min<std::size_t>(size, sizeof number));
    const call now("setsockopt", fd, name);
    if (now.dead()) return give(-EBADF);
    auto* const one = world()->as<tcp_end>(fd);
    auto* const door = world()->as<listening>(fd);
    if (one == nullptr && door == nullptr) return give(no_socket(fd));
    if (level != SOL_SOCKET)
        return 0; // TCP_NODELAY and its like change nothing that is to be seen here
    switch (name) {
    case SO_LINGER: {
        linger option{};
        std::memcpy(&option, value, sizeof option);
        const bool abortive = option.l_onoff != 0 && option.l_linger == 0;
        (one != nullptr ? one->linger0 : door->linger0) = abortive;
        return 0;
    }
    case SO_RCVLOWAT:
        if (one != nullptr) one->set_low_water(number);
        return 0;
    case SO_REUSEPORT:
        if (one != nullptr) one->shares_port = number != 0;
        return 0;
    case SO_REUSEADDR:
        if (one != nullptr) one->reuses = number != 0;
        return 0;
    case SO_RCVBUF: // Linux doubles it, for what it needs itself
        (one != nullptr ? one->receive_buffer : door->receive_buffer) =
            2 * static_cast<std::size_t>(number);
        return 0;
    case SO_SNDBUF:
        if (one != nullptr) one->send_buffer = 2 * static_cast<std::size_t>(number);
        return 0;
    case SO_OOBINLINE:
    case SO_KEEPALIVE:
        return 0;
    default:
        unknown("setsockopt");
    }
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
    if (!simulated(fd))
        return static_cast<int>(::syscall(SYS_getsockopt, fd, level, name, value, size));
    const call now("getsockopt", fd, name);
    if (now.dead()) return give(-EBADF);
    auto* const one = world()->as<tcp_end>(fd);
    if (one == nullptr && !listens(fd)) return give(no_socket(fd));
    std::memset(value, 0, *size);
    if (level != SOL_SOCKET || name != SO_ERROR) unknown("getsockopt");
    if (one != nullptr) *static_cast<int*>(value) = one->take_error();
    world()->note("=", *static_cast<int*>(value));
    return 0;
}

int getsockname(int fd, sockaddr* to, socklen_t* size) noexcept {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_getsockname, fd, to, size));
    const auto* const one = world()->as<tcp_end>(fd);
    const auto* const door = world()->as<listening>(fd);
    if (one == nullptr && door == nullptr) return give(no_socket(fd));
    put(one != nullptr ? one->local : door->local, to, size);
    return 0;
}

int getpeername(int fd, sockaddr* to, socklen_t* size) noexcept {
    if (!simulated(fd)) return static_cast<int>(::syscall(SYS_getpeername, fd, to, size));
    const auto* const one = world()->as<tcp_end>(fd);
    if (one == nullptr) return give(listens(fd) ? -ENOTCONN : no_socket(fd));
    if (one->state != tcp_end::stage::open) return give(-ENOTCONN);
    put(one->remote, to, size);
    return 0;
}

// ---- what nothing of the product may do while it is simulated

ssize_t recvfrom(int fd, void* to, size_t n, int flags, sockaddr* peer, socklen_t* size) {
    if (simulated(fd)) return take(fd, to, n, flags);
    return ::syscall(SYS_recvfrom, fd, to, n, flags, peer, size);
}
ssize_t sendto(int fd, const void* from, size_t n, int flags, const sockaddr* to, socklen_t size) {
    if (simulated(fd)) return ::send(fd, from, n, flags);
    return ::syscall(SYS_sendto, fd, from, n, flags, to, size);
}
ssize_t readv(int fd, const iovec* v, int n) {
    if (simulated(fd)) unknown("readv");
    return ::syscall(SYS_readv, fd, v, n);
}
ssize_t writev(int fd, const iovec* v, int n) {
    if (simulated(fd)) unknown("writev");
    return ::syscall(SYS_writev, fd, v, n);
}

// ---- what FORTIFY makes of them

ssize_t __recv_chk(int fd, void* to, size_t n, size_t, int flags) {
    return ::recv(fd, to, n, flags);
}
ssize_t __recvfrom_chk(int fd, void* to, size_t n, size_t, int flags, sockaddr* peer,
                       socklen_t* size) {
    return ::recvfrom(fd, to, n, flags, peer, size);
}
ssize_t __read_chk(int fd, void* to, size_t n, size_t) { return ::read(fd, to, n); }
ssize_t __pread_chk(int fd, void* to, size_t n, off_t at, size_t) { return ::pread(fd, to, n, at); }
int __poll_chk(pollfd* fds, nfds_t n, int timeout, size_t) { return ::poll(fds, n, timeout); }

} // extern "C"
