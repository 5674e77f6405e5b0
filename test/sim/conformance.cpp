// Is the simulated kernel like the real one? Each scenario makes the same calls twice: to this
// machine's kernel, over loopback, and to the simulated one. What the calls say must be the same,
// line by line.
#include "sim/tcp.hpp"

#include <boost/test/unit_test.hpp>

#include <linux/sockios.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iomanip>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace finpost::sim;

namespace {

bool real() { return kernel::current == nullptr; }

// ---- what was said

using transcript = std::vector<std::string>;
transcript* said = nullptr;

void say(const std::string& what) { said->push_back(what); }
void say(const std::string& what, long n) {
    say(what + " = " + (n < 0 ? ::strerrorname_np(errno) : std::to_string(n)));
}

std::string words(unsigned mask) {
    static constexpr std::pair<unsigned, const char*> names[] = {
        {POLLIN, "IN "},   {POLLOUT, "OUT "},     {POLLERR, "ERR "},
        {POLLHUP, "HUP "}, {POLLRDHUP, "RDHUP "}, {POLLNVAL, "NVAL "}};
    std::string out;
    for (const auto& [bit, name] : names)
        if ((mask & bit) != 0) out += name;
    return out.empty() ? "nothing" : out;
}

// ---- whatever is on its way arrives

// Loopback queues what is sent, for each processor, and delivers in order. So on one processor a
// datagram that has come to its sender says that what was sent before it has come as well. What
// that was answered with stands behind it: the next datagram waits for that, and so on.
class loopback_queue {
public:
    loopback_queue() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
        BOOST_REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
        mark_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in own = loopback(0);
        socklen_t size = sizeof own;
        ::bind(mark_, reinterpret_cast<sockaddr*>(&own), size);
        ::getsockname(mark_, reinterpret_cast<sockaddr*>(&own), &size);
        BOOST_REQUIRE(::connect(mark_, reinterpret_cast<sockaddr*>(&own), size) == 0);
    }
    ~loopback_queue() {
        ::close(mark_);
        ::sched_setaffinity(0, sizeof before_, &before_);
    }
    loopback_queue(const loopback_queue&) = delete;
    loopback_queue& operator=(const loopback_queue&) = delete;

    void flush() const {
        for (int answers = 0; answers < 8; ++answers) {
            char byte = 'x';
            BOOST_REQUIRE(::send(mark_, &byte, 1, 0) == 1);
            pollfd back{mark_, POLLIN, 0};
            BOOST_REQUIRE(::poll(&back, 1, 5'000) == 1);
            BOOST_REQUIRE(::recv(mark_, &byte, 1, 0) == 1);
        }
    }

private:
    cpu_set_t before_;
    int mark_ = -1;
};

const loopback_queue* queue = nullptr;

void settle() {
    if (real()) return queue->flush();
    kernel& k = *kernel::current;
    const nanos until = k.now + 20 * ms;
    while (k.step(until)) {
    }
    k.now = until;
}

// ---- calls, and what they say

void look(const char* who, int fd) {
    pollfd one{fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    ::poll(&one, 1, 0);
    say(std::string("poll ") + who + ": " + words(static_cast<unsigned short>(one.revents)));
}
void take(const char* who, int fd, std::size_t n = 100, int how = 0) {
    std::array<char, 4096> room;
    const ssize_t got = ::recv(fd, room.data(), std::min(n, room.size()), how);
    say(std::string(how == MSG_PEEK ? "peek " : "recv ") + who, got);
    if (got > 0) said->back() += " " + std::string(room.data(), static_cast<std::size_t>(got));
}
void give(const char* who, int fd, const std::string& what = "hello") {
    say(std::string("send ") + who, ::send(fd, what.data(), what.size(), MSG_NOSIGNAL));
}
void so_error(const char* who, int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    const int got = ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    say(std::string("SO_ERROR ") + who, got);
    if (got == 0 && error != 0) said->back() = said->back() + " " + ::strerrorname_np(error);
}
void count(const char* what, int fd, unsigned long request) {
    int n = -1;
    const int got = ::ioctl(fd, request, &n);
    say(what, got < 0 ? got : n);
}
void unsent(const char* who, int fd) {
    count((std::string("SIOCOUTQ ") + who).c_str(), fd, SIOCOUTQ);
}
void unread(const char* who, int fd) {
    count((std::string("FIONREAD ") + who).c_str(), fd, FIONREAD);
}
void shut(const char* who, int fd, int how = SHUT_WR) {
    say(std::string("shutdown ") + who, ::shutdown(fd, how));
}
template <class T>
void option(int fd, int name, const T& value) {
    if (::setsockopt(fd, SOL_SOCKET, name, &value, sizeof value) != 0) say("setsockopt", -1);
}
void low_water(int fd, int least) { option(fd, SO_RCVLOWAT, least); }
void abortive(int fd, bool on = true) { option(fd, SO_LINGER, linger{on, 0}); }
void reset(int& fd) {
    abortive(fd);
    ::close(std::exchange(fd, -1));
}
void drop(int& fd) { ::close(std::exchange(fd, -1)); }

void wait_on(int e, int timeout = 0, int most = 8) {
    std::array<epoll_event, 8> got;
    const int n = ::epoll_wait(e, got.data(), most, timeout);
    for (int i = 0; i < n; ++i)
        say("event " + std::to_string(got[static_cast<std::size_t>(i)].data.u32) + ": " +
            words(got[static_cast<std::size_t>(i)].events));
    if (n == 0) say("no event");
    if (n < 0) say("epoll_wait", n);
}
void control(int e, int op, int fd, unsigned events = 0, unsigned name = 1) {
    epoll_event what{};
    what.events = events, what.data.u32 = name;
    say("epoll_ctl", ::epoll_ctl(e, op, fd, &what));
}

// ---- sockets

int fresh() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd >= 0) ::ioctl(fd, FIONBIO, &on);
    return fd;
}
sockaddr_in name_of(int fd) {
    sockaddr_in out{};
    socklen_t size = sizeof out;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&out), &size);
    return out;
}
int bind_to(int fd, std::uint16_t port) {
    const sockaddr_in to = loopback(port);
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}
int connect_to(int fd, const sockaddr_in& to) {
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
}
std::uint16_t port_of(const sockaddr_in& of) { return ntohs(of.sin_port); }

/// A port that is somebody's, and nobody listens.
struct held_port {
    int fd = fresh();
    sockaddr_in to{};
    held_port() {
        bind_to(fd, 0);
        to = name_of(fd);
    }
    ~held_port() { ::close(fd); }
};

/// A listener, who has connected to it, and the connection on the other side.
struct trio {
    int l = fresh(), c = fresh(), a = -1;
    sockaddr_in to{};
    enum from_the_start { accepted, not_accepted };

    explicit trio(from_the_start how = accepted, int backlog = 10) {
        option(l, SO_REUSEADDR, 1);
        bind_to(l, 0);
        ::listen(l, backlog);
        to = name_of(l);
        connect_to(c, to);
        settle();
        if (how == accepted) accept();
    }
    ~trio() {
        for (const int fd : {l, c, a})
            if (fd >= 0) ::close(fd);
        settle();
    }
    trio(const trio&) = delete;
    trio& operator=(const trio&) = delete;

    void accept() { a = ::accept4(l, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }
    /// c sends until nothing fits on the whole way.
    void fill() const {
        const std::string much(100'000, 'x');
        for (int quiet = 0; quiet < 3; ++quiet, settle())
            while (::send(c, much.data(), much.size(), MSG_NOSIGNAL) > 0) quiet = 0;
    }
    /// a reads all there is, and what comes then.
    std::size_t read_all() const {
        std::string room(1 << 20, '\0');
        std::size_t out = 0;
        for (int quiet = 0; quiet < 3; ++quiet, settle())
            for (ssize_t n = 0; (n = ::recv(a, room.data(), room.size(), 0)) > 0; quiet = 0)
                out += static_cast<std::size_t>(n);
        return out;
    }
};

/// An epoll, with a socket in it.
struct set_of_events {
    int e = ::epoll_create1(EPOLL_CLOEXEC);
    ~set_of_events() { ::close(e); }
    void add(int fd, unsigned events, unsigned name = 1) const {
        control(e, EPOLL_CTL_ADD, fd, events, name);
    }
    void change(int fd, unsigned events, unsigned name = 1) const {
        control(e, EPOLL_CTL_MOD, fd, events, name);
    }
    void remove(int fd) const { control(e, EPOLL_CTL_DEL, fd); }
    void wait(int timeout = 0, int most = 8) const { wait_on(e, timeout, most); }
};

// ---- processes

/// A peer that lives on when the process dies. The real process is a child of this one, and the
/// peer's descriptor stays here; in the simulated kernel the process is this program, and the peer
/// an end that no descriptor stands for.
class outsider {
public:
    explicit outsider(const sockaddr_in& to) {
        if (real()) {
            fd_ = fresh();
            connect_to(fd_, to);
        } else {
            end_ = &network::current->dial(network::current->free_port(), port_of(to));
        }
        settle();
    }
    ~outsider() {
        if (fd_ >= 0) ::close(fd_);
    }
    outsider(const outsider&) = delete;
    outsider& operator=(const outsider&) = delete;

    void look() const {
        if (real()) return ::look("peer", fd_);
        const unsigned wanted = POLLIN | POLLOUT | POLLRDHUP | POLLERR | POLLHUP;
        say("poll peer: " + words(end_->ready() & wanted));
    }
    void take() const {
        if (real()) return ::take("peer", fd_);
        std::array<char, 100> room;
        const std::int64_t got = end_->receive(room.data(), room.size());
        say_of("recv peer", got);
        if (got > 0) said->back() += " " + std::string(room.data(), static_cast<std::size_t>(got));
    }
    void give(const std::string& what = "hello") const {
        if (real()) return ::give("peer", fd_, what);
        say_of("send peer", end_->send(what.data(), what.size()));
    }
    void shut() const {
        if (real()) return ::shut("peer", fd_);
        say_of("shutdown peer", end_->shutdown(SHUT_WR));
    }
    /// How many bytes come, and what after them.
    void take_all() const {
        std::string room(1 << 20, '\0');
        std::size_t all = 0;
        std::int64_t n = 0;
        for (int quiet = 0; quiet < 3; ++quiet, settle())
            while ((n = some(room)) > 0) {
                all += static_cast<std::size_t>(n);
                quiet = 0;
            }
        say("bytes", static_cast<long>(all));
        say_of("then", n);
    }

private:
    static void say_of(const char* what, std::int64_t got) {
        errno = got < 0 ? static_cast<int>(-got) : 0;
        say(what, got);
    }
    std::int64_t some(std::string& room) const {
        if (!real()) return end_->receive(room.data(), room.size());
        const ssize_t n = ::recv(fd_, room.data(), room.size(), 0);
        return n < 0 ? -errno : n;
    }
    int fd_ = -1;
    tcp_end* end_ = nullptr;
};

/// A process that listens, and has accepted one connection.
struct doomed {
    int l = fresh(), a = -1;
    sockaddr_in to{};
    doomed() {
        bind_to(l, 0);
        ::listen(l, 10);
        to = name_of(l);
    }
    ~doomed() {
        for (const int fd : {l, a})
            if (fd >= 0) ::close(fd);
        settle();
    }
    doomed(const doomed&) = delete;
    doomed& operator=(const doomed&) = delete;

    void accept() { a = ::accept4(l, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC); }
    /// By SIGKILL. What it has open is the child's alone by then.
    void dies() {
        if (!real()) {
            kernel::current->die();
            return settle();
        }
        const pid_t child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) ::pause();
        }
        BOOST_REQUIRE(child > 0);
        drop(l);
        if (a >= 0) drop(a);
        ::kill(child, SIGKILL);
        int how = 0;
        BOOST_REQUIRE(::waitpid(child, &how, 0) == child);
        settle();
    }
};

/// A file without a name, as a spilled payload is.
struct unnamed_file {
    int fd = -1;
    explicit unnamed_file(const std::string& content = {}) {
        for (const char* const folder : {"/tmp", "/var/tmp", "/dev/shm"})
            if (fd < 0) fd = ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        BOOST_REQUIRE(fd >= 0);
        BOOST_REQUIRE(::pwrite(fd, content.data(), content.size(), 0) ==
                      static_cast<ssize_t>(content.size()));
    }
    ~unnamed_file() { ::close(fd); }
    void write(const std::string& what, off_t at) const {
        say("pwrite", ::pwrite(fd, what.data(), what.size(), at));
    }
    void read(std::size_t n, off_t at) const {
        std::string room(n, '\0');
        const ssize_t got = ::pread(fd, room.data(), n, at);
        say("pread", got);
        for (ssize_t i = 0; i < got; ++i)
            said->back() +=
                room[static_cast<std::size_t>(i)] == '\0' ? '.' : room[static_cast<std::size_t>(i)];
    }
    void send(int to, off_t from, std::size_t n) const {
        off_t at = from;
        say("sendfile", ::sendfile(to, fd, &at, n));
        said->back() += ", then at " + std::to_string(at);
    }
};

// ---- the comparison

std::string side_by_side(const transcript& of_real, const transcript& of_sim) {
    std::ostringstream out;
    out << "the real kernel says                          the simulated one\n";
    for (std::size_t i = 0; i < std::max(of_real.size(), of_sim.size()); ++i) {
        const std::string a = i < of_real.size() ? of_real[i] : "",
                          b = i < of_sim.size() ? of_sim[i] : "";
        out << (a == b ? "    " : "  ! ") << std::left << std::setw(42) << a << b << '\n';
    }
    return out.str();
}

void compare(void (*steps)()) {
    transcript of_real, of_sim;
    auto* const pipe_was = ::signal(SIGPIPE, SIG_IGN); // sendfile knows no MSG_NOSIGNAL
    {
        const loopback_queue mine;
        queue = &mine;
        said = &of_real;
        steps();
        queue = nullptr;
    }
    {
        kernel k(42);
        network n(k);
        k.on_stuck = [] {};
        said = &of_sim;
        steps();
    }
    ::signal(SIGPIPE, pipe_was);
    BOOST_TEST(!of_real.empty());
    BOOST_TEST((of_real == of_sim), side_by_side(of_real, of_sim));
}

} // namespace

#define SAME_ON_BOTH(name)                                   \
    static void steps_of_##name();                           \
    BOOST_AUTO_TEST_CASE(name) { compare(steps_of_##name); } \
    static void steps_of_##name()

BOOST_AUTO_TEST_SUITE(conformance)

// ---- ends, and resets

SAME_ON_BOTH(data_then_fin) {
    trio p;
    look("a", p.a), give("c", p.c), settle(), look("a", p.a);
    shut("c", p.c), settle(), look("a", p.a), look("c", p.c);
    take("a", p.a, 2), take("a", p.a, 100, MSG_PEEK), take("a", p.a);
    take("a", p.a, 100, MSG_PEEK), take("a", p.a), take("a", p.a);
    give("a", p.a), settle(), take("c", p.c), take("c", p.c), give("c", p.c), shut("c", p.c);
}

SAME_ON_BOTH(data_then_reset) {
    trio p;
    give("c", p.c), settle(), reset(p.c), settle();
    look("a", p.a), take("a", p.a, 2), look("a", p.a), take("a", p.a), take("a", p.a);
    look("a", p.a), take("a", p.a), give("a", p.a);
}

SAME_ON_BOTH(a_reset_that_send_sees) {
    trio p;
    reset(p.c), settle(), look("a", p.a), give("a", p.a), give("a", p.a), take("a", p.a);
    look("a", p.a), shut("a", p.a);
}

SAME_ON_BOTH(a_reset_that_a_peek_sees) {
    trio p;
    reset(p.c), settle(), take("a", p.a, 1, MSG_PEEK), take("a", p.a), so_error("a", p.a);
}

SAME_ON_BOTH(a_reset_that_so_error_sees) {
    trio p;
    give("c", p.c), settle(), reset(p.c), settle(), so_error("a", p.a), so_error("a", p.a);
    look("a", p.a), take("a", p.a), take("a", p.a), give("a", p.a), look("a", p.a);
}

SAME_ON_BOTH(a_peek_between_data_and_reset) {
    trio p;
    give("c", p.c), settle(), reset(p.c), settle();
    take("a", p.a, 3, MSG_PEEK), take("a", p.a, 100, MSG_PEEK), take("a", p.a);
    take("a", p.a, 100, MSG_PEEK), take("a", p.a, 100, MSG_PEEK), take("a", p.a);
}

SAME_ON_BOTH(fin_then_reset) {
    trio p;
    give("c", p.c), shut("c", p.c), settle(), reset(p.c), settle();
    look("a", p.a), take("a", p.a), take("a", p.a), look("a", p.a), give("a", p.a);
    give("a", p.a), take("a", p.a), look("a", p.a);
}

SAME_ON_BOTH(fin_read_then_reset) {
    trio p;
    shut("c", p.c), settle(), take("a", p.a), look("a", p.a), reset(p.c), settle();
    look("a", p.a), take("a", p.a, 1, MSG_PEEK), so_error("a", p.a), look("a", p.a), give("a", p.a);
}

SAME_ON_BOTH(a_close_with_unread_input) {
    trio p;
    give("c", p.c), settle(), give("a", p.a), drop(p.a), settle();
    look("c", p.c), take("c", p.c), take("c", p.c), take("c", p.c), look("c", p.c);
}

SAME_ON_BOTH(a_close_with_all_read) {
    trio p;
    give("c", p.c), settle(), take("a", p.a), give("a", p.a), drop(p.a), settle();
    look("c", p.c), take("c", p.c), take("c", p.c), take("c", p.c), look("c", p.c);
}

SAME_ON_BOTH(a_close_with_unread_input_and_a_fin) {
    trio p;
    give("c", p.c), shut("c", p.c), settle(), give("a", p.a), drop(p.a), settle();
    look("c", p.c), take("c", p.c), take("c", p.c), take("c", p.c), so_error("c", p.c);
}

SAME_ON_BOTH(a_send_to_who_has_closed) {
    trio p;
    drop(p.a), settle(), look("c", p.c), give("c", p.c), settle(), look("c", p.c);
    take("c", p.c), give("c", p.c), give("c", p.c), take("c", p.c), look("c", p.c);
}

SAME_ON_BOTH(both_ends) {
    trio p;
    shut("c", p.c), settle(), shut("a", p.a), settle();
    look("a", p.a), look("c", p.c), take("a", p.a), take("c", p.c);
    give("a", p.a), give("c", p.c), so_error("a", p.a), shut("a", p.a), shut("c", p.c);
}

SAME_ON_BOTH(a_reset_after_both_ends) {
    trio p;
    shut("c", p.c), settle(), give("a", p.a), shut("a", p.a), settle();
    take("a", p.a), reset(p.a), settle();
    look("c", p.c), take("c", p.c), take("c", p.c), take("c", p.c), so_error("c", p.c);
}

SAME_ON_BOTH(a_reset_after_shutdown) {
    trio p;
    shut("a", p.a), settle(), reset(p.a), settle();
    look("c", p.c), take("c", p.c), take("c", p.c), so_error("c", p.c), give("c", p.c);
}

SAME_ON_BOTH(shutdown_of_both_directions) {
    trio p;
    give("c", p.c), settle(), shut("a", p.a, SHUT_RDWR), settle(), look("a", p.a), look("c", p.c);
    take("a", p.a), take("a", p.a), take("c", p.c);
    give("c", p.c), settle(), look("c", p.c), take("c", p.c);
}

SAME_ON_BOTH(shutdown_of_reading) {
    trio p;
    give("c", p.c), settle(), shut("a", p.a, SHUT_RD), look("a", p.a), take("a", p.a);
    take("a", p.a), give("c", p.c), settle(), look("a", p.a), take("a", p.a), take("a", p.a);
    give("a", p.a), settle(), take("c", p.c), look("c", p.c);
}

SAME_ON_BOTH(shutdown_of_writing_twice) {
    trio p;
    shut("a", p.a), shut("a", p.a), settle(), shut("a", p.a), take("c", p.c), take("c", p.c);
    give("c", p.c), settle(), take("a", p.a), look("a", p.a), give("a", p.a);
    drop(p.c), settle(), shut("a", p.a), look("a", p.a);
}

SAME_ON_BOTH(a_name_after_a_reset) {
    trio p;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto peer = [&](const char* who, int fd) {
        say(who, ::getpeername(fd, reinterpret_cast<sockaddr*>(&from), &size));
    };
    peer("getpeername a", p.a), peer("getpeername l", p.l);
    say("the port is c's", port_of(from) == port_of(name_of(p.c)));
    shut("a", p.a), settle(), peer("getpeername c", p.c), peer("getpeername a", p.a);
    reset(p.c), settle(), peer("getpeername a", p.a);
    say("getsockname a", ::getsockname(p.a, reinterpret_cast<sockaddr*>(&from), &size));
    say("the port is l's", port_of(from) == port_of(p.to));
}

SAME_ON_BOTH(the_same_message_peeked_again) {
    trio p;
    take("a", p.a, 10, MSG_PEEK), give("c", p.c), settle();
    for (int i = 0; i < 3; ++i) take("a", p.a, 3, MSG_PEEK);
    give("c", p.c, " world"), settle(), take("a", p.a, 100, MSG_PEEK), take("a", p.a, 4);
    take("a", p.a, 100, MSG_PEEK), take("a", p.a, 0), take("a", p.a), take("a", p.a, 0);
    take("a", p.a, 100, MSG_PEEK), give("c", p.c, ""), look("a", p.a);
}

// ---- SO_LINGER

SAME_ON_BOTH(linger_of_the_listener_is_the_connections) {
    trio p(trio::not_accepted);
    abortive(p.l);
    int late = fresh();
    connect_to(late, p.to), settle();
    p.accept(), drop(p.a), settle(), look("c", p.c), take("c", p.c), take("c", p.c); // came before
    p.accept(), give("a", p.a), drop(p.a), settle(), look("late", late), take("late", late);
    take("late", late), take("late", late), drop(late);
}

SAME_ON_BOTH(linger_that_was_lifted) {
    trio p(trio::not_accepted);
    abortive(p.l);
    int late = fresh();
    connect_to(late, p.to), settle(), p.accept(), drop(p.a), p.accept();
    abortive(p.a, false), give("a", p.a), drop(p.a), settle();
    look("late", late), take("late", late), take("late", late), drop(late);
}

SAME_ON_BOTH(linger_throws_away_what_was_not_sent) {
    trio p;
    p.fill(), reset(p.c), settle();
    say("some came", p.read_all() > 0);
    look("a", p.a), take("a", p.a), give("a", p.a);
}

// ---- SO_RCVLOWAT

SAME_ON_BOTH(low_water_before_data) {
    trio p;
    const set_of_events s;
    low_water(p.a, 10), s.add(p.a, EPOLLIN | EPOLLET), s.wait();
    give("c", p.c), settle(), look("a", p.a), s.wait(), give("c", p.c), settle();
    look("a", p.a), s.wait(), s.wait(), take("a", p.a, 1), look("a", p.a), s.wait();
    give("c", p.c), settle(), s.wait(), take("a", p.a), take("a", p.a), look("a", p.a);
}

SAME_ON_BOTH(low_water_after_data) {
    trio p;
    const set_of_events s;
    s.add(p.a, EPOLLIN | EPOLLET), give("c", p.c), settle(), s.wait(), look("a", p.a);
    low_water(p.a, 10), look("a", p.a), s.wait(), low_water(p.a, 5), look("a", p.a), s.wait();
    low_water(p.a, 6), low_water(p.a, 0), s.wait(), look("a", p.a);
    low_water(p.a, 100), take("a", p.a), look("a", p.a), take("a", p.a);
}

SAME_ON_BOTH(low_water_and_an_end_behind_fewer_bytes) {
    trio p;
    const set_of_events s;
    low_water(p.a, 10), s.add(p.a, EPOLLIN | EPOLLET), give("c", p.c), settle(), s.wait();
    shut("c", p.c), settle(), look("a", p.a), s.wait(), take("a", p.a), take("a", p.a);
    look("a", p.a);
}

SAME_ON_BOTH(low_water_and_a_reset_behind_fewer_bytes) {
    trio p;
    const set_of_events s;
    low_water(p.a, 10), s.add(p.a, EPOLLIN | EPOLLET), give("c", p.c), settle(), s.wait();
    reset(p.c), settle(), look("a", p.a), s.wait(), take("a", p.a), take("a", p.a), look("a", p.a);
}

// What cannot come for want of room is not waited for.
SAME_ON_BOTH(low_water_above_what_there_is_room_for) {
    trio p(trio::not_accepted);
    option(p.l, SO_RCVBUF, 8'192);
    int late = fresh();
    connect_to(late, p.to), settle(), p.accept(), drop(p.a), p.accept();
    low_water(p.a, 1'000'000), give("late", late), settle(), look("a", p.a);
    std::swap(p.c, late), p.fill(), look("a", p.a);
    drop(late);
}

// ---- listeners

SAME_ON_BOTH(a_listener_that_is_shut) {
    trio p(trio::not_accepted);
    give("c", p.c), settle(), look("l", p.l), shut("l", p.l, SHUT_RD), settle();
    look("l", p.l), p.accept(), say("accept", p.a), look("c", p.c), take("c", p.c), take("c", p.c);
    int late = fresh();
    say("connect", connect_to(late, p.to)), settle(), look("late", late), so_error("late", late);
    drop(late), shut("l", p.l, SHUT_RD), look("l", p.l), take("l", p.l), give("l", p.l);
}

SAME_ON_BOTH(a_listener_keeps_its_port) {
    trio p(trio::not_accepted);
    shut("l", p.l), look("l", p.l), p.accept(), say("accepted", p.a >= 0);
    shut("l", p.l, SHUT_RD), say("the same name", port_of(name_of(p.l)) == port_of(p.to));
    const int other = fresh();
    say("bind", bind_to(other, port_of(p.to))), option(other, SO_REUSEADDR, 1);
    say("bind reusing", bind_to(other, port_of(p.to))), say("listen", ::listen(other, 1));
    ::close(other);
    give("c", p.c), settle(), take("a", p.a);
}

SAME_ON_BOTH(a_listener_that_closes_with_connections_in_its_backlog) {
    trio p(trio::not_accepted);
    int silent = fresh(), ended = fresh();
    connect_to(silent, p.to), connect_to(ended, p.to), settle();
    give("c", p.c), give("ended", ended), shut("ended", ended), settle(), drop(p.l), settle();
    for (const int fd : {p.c, silent, ended})
        look("one", fd), give("one", fd), take("one", fd), take("one", fd), so_error("one", fd);
    drop(silent), drop(ended);
}

SAME_ON_BOTH(a_listener_that_closes_leaves_the_accepted) {
    trio p;
    drop(p.l), settle(), look("c", p.c), give("c", p.c), settle(), take("a", p.a);
    give("a", p.a), settle(), take("c", p.c);
}

SAME_ON_BOTH(gone_before_it_is_accepted) {
    trio p(trio::not_accepted);
    give("c", p.c), reset(p.c), settle();
    look("l", p.l), p.accept(), say("accepted", p.a >= 0), look("a", p.a);
    take("a", p.a), take("a", p.a), take("a", p.a);
}

SAME_ON_BOTH(all_of_it_before_it_is_accepted) {
    trio p(trio::not_accepted);
    give("c", p.c), shut("c", p.c), settle(), p.accept(), look("a", p.a);
    take("a", p.a), take("a", p.a);
    say("accept", ::accept4(p.l, nullptr, nullptr, SOCK_NONBLOCK));
}

SAME_ON_BOTH(accept_of_what_does_not_listen) {
    trio p;
    const int unbound = fresh();
    const unnamed_file file;
    const auto try_it = [](const char* what, int fd) {
        say(what, ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK));
    };
    try_it("accept c", p.c), try_it("accept unbound", unbound), try_it("accept file", file.fd);
    ::close(unbound), try_it("accept closed", unbound);
    say("listen closed", ::listen(unbound, 1)), say("listen file", ::listen(file.fd, 1));
    say("listen connected", ::listen(p.c, 1)), say("listen again", ::listen(p.l, 1));
    say("connect l", connect_to(p.l, p.to));
}

SAME_ON_BOTH(two_listeners_that_share_a_port) {
    const int first = fresh(), second = fresh(), other = fresh();
    option(first, SO_REUSEPORT, 1), option(second, SO_REUSEPORT, 1);
    say("bind", bind_to(first, 0)), say("listen", ::listen(first, 10));
    const sockaddr_in to = name_of(first);
    say("bind", bind_to(second, port_of(to))), say("listen", ::listen(second, 10));
    say("bind without the option", bind_to(other, port_of(to)));
    std::array<int, 8> clients;
    for (int& one : clients) connect_to(one = fresh(), to);
    settle();
    int accepted = 0;
    for (const int l : {first, second})
        for (int a = -1; (a = ::accept4(l, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; ++accepted)
            ::close(a);
    say("accepted", accepted), ::close(first);
    int late = fresh();
    connect_to(late, to), settle(), look("second", second); // all to who is left
    for (const int fd : clients) ::close(fd);
    ::close(late), ::close(second), ::close(other);
}

SAME_ON_BOTH(a_port_that_is_taken) {
    trio p;
    const int plain = fresh(), reusing = fresh();
    option(reusing, SO_REUSEADDR, 1);
    say("bind", bind_to(plain, port_of(p.to))),
        say("bind reusing", bind_to(reusing, port_of(p.to)));
    say("bind elsewhere", bind_to(plain, 0)), say("bind twice", bind_to(plain, 0));
    say("listen", ::listen(plain, 1));
    const int third = fresh(), file = ::open("/dev/null", O_RDONLY);
    say("bind to who is bound", bind_to(third, port_of(name_of(plain))));
    say("bind a file", bind_to(file, 0));
    ::close(plain), say("bind to who was", bind_to(third, 0)), ::close(third);
    say("bind closed", bind_to(third, 0)), ::close(reusing), ::close(file);
}

SAME_ON_BOTH(a_port_that_is_bound_and_nobody_listens) {
    const held_port held;
    const int other = fresh();
    say("bind", bind_to(other, port_of(held.to)));
    option(other, SO_REUSEADDR, 1), say("bind reusing", bind_to(other, port_of(held.to)));
    option(held.fd, SO_REUSEADDR, 1), say("bind both reusing", bind_to(other, port_of(held.to)));
    say("listen", ::listen(other, 1)), say("listen", ::listen(held.fd, 1));
    ::close(other);
}

// ---- connect

SAME_ON_BOTH(refused) {
    const held_port nobody;
    int late = fresh();
    look("fresh", late), say("connect", connect_to(late, nobody.to)), settle();
    look("late", late), so_error("late", late), so_error("late", late), look("late", late);
    take("late", late), give("late", late), drop(late);
}

SAME_ON_BOTH(refused_as_recv_sees_it) {
    const held_port nobody;
    int late = fresh();
    connect_to(late, nobody.to), settle(), take("late", late), take("late", late), drop(late);
}

SAME_ON_BOTH(refused_and_tried_again) {
    const held_port nobody;
    trio p;
    int late = fresh();
    say("connect", connect_to(late, nobody.to)), settle();
    say("connect", connect_to(late, nobody.to)), look("late", late);
    say("connect", connect_to(late, nobody.to)), settle(), so_error("late", late);
    say("connect", connect_to(late, nobody.to)), say("connect", connect_to(late, p.to)), settle();
    look("late", late), say("connect", connect_to(late, p.to)), drop(late);
}

SAME_ON_BOTH(connected_twice) {
    trio p;
    int c = fresh();
    say("connect", connect_to(c, p.to)), settle(), say("connect", connect_to(c, p.to));
    say("connect", connect_to(c, p.to)), say("connect a", connect_to(p.a, p.to));
    reset(p.a), settle(), say("connect c", connect_to(p.c, p.to)), drop(c);
}

// A backlog that is full makes a connection that is not there yet.
SAME_ON_BOTH(connecting_for_a_while) {
    trio p(trio::not_accepted, 0);
    const set_of_events s;
    int late = fresh();
    sockaddr_in from{};
    socklen_t size = sizeof from;
    say("connect", connect_to(late, p.to)), settle(), say("connect", connect_to(late, p.to));
    look("late", late), s.add(late, EPOLLIN | EPOLLOUT | EPOLLET), s.wait();
    take("late", late), give("late", late), so_error("late", late);
    say("getpeername", ::getpeername(late, reinterpret_cast<sockaddr*>(&from), &size));
    say("has a port", name_of(late).sin_port != 0), unsent("late", late), unread("late", late);
    drop(late), s.wait(), p.accept(), look("c", p.c), look("l", p.l);
}

SAME_ON_BOTH(connecting_and_shut) {
    trio p(trio::not_accepted, 0);
    int late = fresh();
    connect_to(late, p.to), settle(), shut("late", late), look("late", late);
    take("late", late), look("late", late), give("late", late);
    say("connect", connect_to(late, p.to)), settle(), look("late", late), drop(late);
}

SAME_ON_BOTH(not_connected_at_all) {
    int fd = fresh();
    sockaddr_in from{};
    socklen_t size = sizeof from;
    look("fresh", fd), take("fresh", fd), take("fresh", fd, 1, MSG_PEEK), give("fresh", fd);
    shut("fresh", fd), look("fresh", fd), so_error("fresh", fd);
    say("getpeername", ::getpeername(fd, reinterpret_cast<sockaddr*>(&from), &size));
    say("port", port_of(name_of(fd))), unsent("fresh", fd), unread("fresh", fd), drop(fd);
    say("recv -1", ::recv(fd, &from, 1, 0)), say("send -1", ::send(fd, &from, 1, MSG_NOSIGNAL));
    say("shutdown -1", ::shutdown(fd, SHUT_WR));
}

SAME_ON_BOTH(calls_to_a_closed_descriptor) {
    trio p;
    const int gone = p.a;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    drop(p.a), take("a", gone), give("a", gone), shut("a", gone), look("a", gone),
        unread("a", gone);
    so_error("a", gone), say("close", ::close(gone)), low_water(gone, 2);
    say("getpeername", ::getpeername(gone, reinterpret_cast<sockaddr*>(&from), &size));
    say("getsockname", ::getsockname(gone, reinterpret_cast<sockaddr*>(&from), &size));
    say("connect", connect_to(gone, p.to)), say("ftruncate", ::ftruncate(gone, 1));
    say("pread", ::pread(gone, &from, 1, 0)), say("pwrite", ::pwrite(gone, &from, 1, 0));
    off_t at = 0;
    const unnamed_file file("abc");
    say("sendfile", ::sendfile(gone + 1'000, file.fd, &at, 3));
}

SAME_ON_BOTH(calls_to_what_is_no_socket) {
    trio p;
    const unnamed_file file("abc");
    sockaddr_in from{};
    socklen_t size = sizeof from;
    take("file", file.fd), give("file", file.fd), shut("file", file.fd), so_error("file", file.fd);
    low_water(file.fd, 1), say("connect", connect_to(file.fd, p.to));
    say("getpeername", ::getpeername(file.fd, reinterpret_cast<sockaddr*>(&from), &size));
    say("getsockname", ::getsockname(file.fd, reinterpret_cast<sockaddr*>(&from), &size));
    say("pread", ::pread(p.c, &from, 1, 0)), say("pwrite", ::pwrite(p.c, &from, 1, 0));
    say("ftruncate", ::ftruncate(p.c, 0)), take("l", p.l), give("l", p.l);
}

// ---- what is on its way

SAME_ON_BOTH(full) {
    trio p;
    const set_of_events s;
    p.fill(), look("c", p.c), give("c", p.c), give("c", p.c, "");
    s.add(p.c, EPOLLIN | EPOLLOUT | EPOLLET), s.wait();
    say("some came", p.read_all() > 0), s.wait(), s.wait(), look("c", p.c), unsent("c", p.c);
}

SAME_ON_BOTH(full_then_reset) {
    trio p;
    const set_of_events s;
    p.fill(), s.add(p.c, EPOLLIN | EPOLLOUT | EPOLLET), s.wait(), drop(p.a), settle();
    s.wait(), look("c", p.c), give("c", p.c), give("c", p.c), take("c", p.c), look("c", p.c);
}

SAME_ON_BOTH(full_then_an_end_and_a_close) {
    trio p;
    p.fill(), shut("c", p.c), look("c", p.c), give("c", p.c);
    drop(p.c), settle(), look("a", p.a); // the end is behind what is not read yet
    say("all came", p.read_all() > 0), look("a", p.a), take("a", p.a);
}

SAME_ON_BOTH(bytes_on_their_way) {
    trio p;
    unsent("l", p.l), unread("l", p.l), unsent("c", p.c), unread("a", p.a);
    give("c", p.c), settle(), unsent("c", p.c), unread("a", p.a), take("a", p.a, 2);
    unread("a", p.a), take("a", p.a, 2, MSG_PEEK), unread("a", p.a);
    shut("c", p.c), settle(), unread("a", p.a), take("a", p.a);
    unread("a", p.a), take("a", p.a), unread("a", p.a);
    give("a", p.a), settle(), unread("c", p.c), drop(p.a), settle(), unread("c", p.c);
    take("c", p.c), unread("c", p.c), unsent("c", p.c);
}

// The ACK of an end may be late; where nothing is taken any more, it cannot come.
SAME_ON_BOTH(an_end_on_its_way) {
    trio p;
    p.fill();
    int before = 0, after = 0;
    ::ioctl(p.c, SIOCOUTQ, &before), shut("c", p.c), ::ioctl(p.c, SIOCOUTQ, &after);
    say("counts as", after - before), say("some came", p.read_all() > 0);
    give("a", p.a), settle(), unsent("c", p.c), shut("a", p.a), settle(), unsent("c", p.c);
}

SAME_ON_BOTH(bytes_on_their_way_when_a_reset_comes) {
    trio p;
    give("a", p.a), settle(), p.fill();
    int n = 0;
    ::ioctl(p.c, SIOCOUTQ, &n), say("some are unsent", n > 0);
    ::ioctl(p.a, FIONREAD, &n), say("some are unread", n > 0);
    reset(p.a), settle(), unread("c", p.c);
    ::ioctl(p.c, SIOCOUTQ, &n), say("some are unsent", n > 0);
    take("c", p.c), give("c", p.c);
    ::ioctl(p.c, SIOCOUTQ, &n), say("some are unsent", n > 0);
}

// ---- sendfile

SAME_ON_BOTH(a_file_from_an_offset) {
    trio p;
    const unnamed_file file("0123456789");
    file.send(p.c, 0, 10), settle(), take("a", p.a), file.send(p.c, 7, 2), settle(), take("a", p.a);
    file.send(p.c, 7, 100), settle(), take("a", p.a), file.send(p.c, 3, 0), settle();
    take("a", p.a);
}

SAME_ON_BOTH(a_file_from_beyond_its_end) {
    trio p;
    const unnamed_file file("0123456789");
    file.send(p.c, 10, 5), file.send(p.c, 1'000, 5), file.send(p.c, 0, 0), file.send(p.c, -1, 5);
    say("ftruncate", ::ftruncate(file.fd, 4)), file.send(p.c, 2, 8), settle(), take("a", p.a);
}

SAME_ON_BOTH(a_file_to_who_has_reset) {
    trio p;
    const unnamed_file file("0123456789");
    reset(p.a), settle(), file.send(p.c, 2, 8), file.send(p.c, 2, 8), take("c", p.c);
}

SAME_ON_BOTH(a_file_after_the_end) {
    trio p;
    const unnamed_file file("0123456789");
    shut("c", p.c), file.send(p.c, 2, 8), drop(p.a), settle(), file.send(p.c, 0, 1);
    int alone = fresh();
    file.send(alone, 0, 5), file.send(file.fd, 0, 0), drop(alone);
}

SAME_ON_BOTH(a_file_where_there_is_no_room) {
    trio p;
    const unnamed_file file("0123456789");
    p.fill(), file.send(p.c, 2, 8), say("some came", p.read_all() > 0);
    file.send(p.c, 2, 8), settle(), take("a", p.a);
}

// ---- epoll

SAME_ON_BOTH(edges) {
    trio p;
    const set_of_events s;
    s.add(p.a, EPOLLIN | EPOLLPRI | EPOLLERR | EPOLLHUP | EPOLLET), s.wait();
    give("c", p.c), settle(), s.wait(), s.wait();
    give("c", p.c), settle(), s.wait(), take("a", p.a, 3), s.wait();
    s.change(p.a, EPOLLIN | EPOLLOUT | EPOLLET), s.wait(), s.wait();
    s.change(p.a, EPOLLIN | EPOLLOUT | EPOLLET), take("a", p.a), s.wait();
    shut("c", p.c), settle(), s.wait(), s.wait();
    s.add(p.a, EPOLLIN), s.remove(p.a), s.remove(p.a), shut("a", p.a), settle(), s.wait();
}

SAME_ON_BOTH(levels) {
    trio p;
    const set_of_events s;
    s.add(p.a, EPOLLIN), s.wait(), give("c", p.c), settle(), s.wait(), s.wait();
    take("a", p.a, 3), s.wait(), take("a", p.a, 3), s.wait(), give("c", p.c), settle(), s.wait();
    s.change(p.a, EPOLLOUT), s.wait(), s.wait(), s.change(p.a, 0), s.wait();
    shut("c", p.c), settle(), s.wait(), s.change(p.a, EPOLLRDHUP), s.wait(), s.wait();
    s.change(p.a, 0), reset(p.c), settle(), s.wait(), s.wait(), so_error("a", p.a), s.wait();
}

SAME_ON_BOTH(levels_beside_edges) {
    trio p;
    const set_of_events level, edge;
    level.add(p.a, EPOLLIN | EPOLLRDHUP, 1), edge.add(p.a, EPOLLIN | EPOLLRDHUP | EPOLLET, 2);
    give("c", p.c, "a longer one"), settle();
    for (int i = 0; i < 4; ++i) level.wait(), edge.wait(), take("a", p.a, 4);
    give("c", p.c), shut("c", p.c), settle();
    for (int i = 0; i < 3; ++i) level.wait(), edge.wait(), take("a", p.a, 4);
}

SAME_ON_BOTH(an_edge_of_a_reset) {
    trio p;
    const set_of_events s;
    s.add(p.a, EPOLLET), s.wait(), give("c", p.c), settle(), s.wait();
    reset(p.c), settle(), s.wait(), s.wait(), take("a", p.a), take("a", p.a), s.wait();
    s.change(p.a, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET), s.wait();
}

SAME_ON_BOTH(an_edge_of_a_connect) {
    trio p;
    const set_of_events s;
    int c = fresh();
    s.add(c, EPOLLIN | EPOLLET), s.wait(), say("connect", connect_to(c, p.to));
    s.change(c, EPOLLIN | EPOLLOUT | EPOLLET), settle(), s.wait(), s.wait(), so_error("c", c);
    drop(c);
}

SAME_ON_BOTH(an_edge_of_a_refusal) {
    const held_port nobody;
    const set_of_events s;
    int c = fresh();
    s.add(c, EPOLLIN | EPOLLOUT | EPOLLET), s.wait(), connect_to(c, nobody.to), settle(), s.wait();
    s.wait(), so_error("c", c), s.change(c, EPOLLIN | EPOLLOUT | EPOLLET), s.wait(), drop(c);
}

SAME_ON_BOTH(an_edge_of_a_listener) {
    trio p(trio::not_accepted);
    const set_of_events s;
    s.add(p.l, EPOLLIN | EPOLLET), s.wait(), s.wait();
    int more = fresh();
    connect_to(more, p.to), settle(), s.wait(), p.accept(), s.wait();
    drop(p.l), settle(), s.wait(), look("more", more), take("more", more), drop(more);
}

SAME_ON_BOTH(an_edge_of_a_listener_that_is_shut) {
    trio p(trio::not_accepted);
    const set_of_events s;
    s.add(p.l, EPOLLIN | EPOLLET), s.wait(), shut("l", p.l, SHUT_RD), s.wait(), s.wait();
    p.accept(), say("accept", p.a), s.change(p.l, EPOLLIN | EPOLLET), s.wait();
}

SAME_ON_BOTH(events_take_turns) {
    trio p, q, r;
    const set_of_events s;
    s.add(p.a, EPOLLIN, 1), s.add(q.a, EPOLLIN, 2), s.add(r.a, EPOLLIN, 3);
    give("r", r.c), settle(), give("p", p.c), settle(), give("q", q.c), settle();
    for (int i = 0; i < 4; ++i) s.wait(0, 1);
    s.wait(0, 2), s.wait(0, 2), take("p", p.a), s.wait(), take("q", q.a), s.wait(0, 2), s.wait();
}

SAME_ON_BOTH(added_twice_and_removed_unknown) {
    trio p;
    const set_of_events s;
    const unnamed_file file;
    s.add(p.a, EPOLLIN), s.add(p.a, EPOLLIN), s.change(p.c, EPOLLIN), s.remove(p.c);
    s.remove(p.a), s.remove(p.a), s.change(p.a, EPOLLIN), s.add(p.a, EPOLLIN), s.add(s.e, EPOLLIN);
    s.add(file.fd, EPOLLIN), control(p.a, EPOLL_CTL_ADD, p.c, EPOLLIN);
    epoll_event none{};
    say("epoll_ctl 99", ::epoll_ctl(s.e, 99, p.a, &none));
    s.remove(99'999), control(99'999, EPOLL_CTL_DEL, p.a);
    say("epoll_wait of a socket", ::epoll_wait(p.a, &none, 1, 0));
    say("epoll_wait for none", ::epoll_wait(s.e, &none, 0, 0));
}

SAME_ON_BOTH(events_of_a_closed_descriptor) {
    trio p;
    const set_of_events s;
    s.add(p.a, EPOLLIN | EPOLLOUT), s.wait(), give("c", p.c), settle();
    const int gone = p.a;
    drop(p.a), s.wait(), s.add(gone, EPOLLIN), s.change(gone, EPOLLIN), s.remove(gone);
    p.a = fresh(), say("the same number", p.a == gone), s.change(p.a, EPOLLIN);
    s.add(p.a, EPOLLIN), s.wait();
    int e = ::epoll_create1(0);
    ::close(e), control(e, EPOLL_CTL_ADD, p.c, EPOLLIN), wait_on(e);
}

SAME_ON_BOTH(poll_of_what_is_not_there) {
    trio p;
    const int gone = p.a;
    drop(p.a), settle();
    pollfd some[] = {{gone, POLLIN, 0}, {p.c, POLLIN | POLLRDHUP, 0}, {-1, POLLIN, 7}, {p.l, 0, 0}};
    say("poll", ::poll(some, std::size(some), 0));
    for (const pollfd& one : some) say(words(static_cast<unsigned short>(one.revents)));
    say("poll of none", ::poll(some, 0, 0));
}

// ---- eventfd, timerfd

SAME_ON_BOTH(an_event_descriptor_in_epoll) {
    const set_of_events s;
    int ev = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const std::uint64_t one = 1;
    std::uint64_t got = 0;
    say("write", ::write(ev, &one, 8)), s.add(ev, EPOLLIN | EPOLLERR | EPOLLET, 7);
    s.wait(), s.wait(), s.change(ev, EPOLLIN | EPOLLERR | EPOLLET, 7), s.wait(), s.wait();
    say("write", ::write(ev, &one, 8)), s.wait(), s.wait();
    say("read", ::read(ev, &got, 8)), s.wait(), say("read", ::read(ev, &got, 8));
    say("write", ::write(ev, &one, 8)), drop(ev), s.wait();
}

SAME_ON_BOTH(an_event_descriptor_counts) {
    int ev = ::eventfd(3, EFD_CLOEXEC | EFD_NONBLOCK);
    std::uint64_t n = 0;
    const auto add = [&](std::uint64_t more) { say("write", ::write(ev, &more, 8)); };
    const auto read = [&] { say("read", ::read(ev, &n, 8)), say(std::to_string(n)); };
    look("ev", ev), add(4), read(), look("ev", ev), read(), add(0), look("ev", ev), read();
    say("write of 4 bytes", ::write(ev, &n, 4)), say("read of 4 bytes", ::read(ev, &n, 4));
    add(~std::uint64_t{0}), add(~std::uint64_t{0} - 1), look("ev", ev), add(1), read();
    take("ev", ev), give("ev", ev), drop(ev);
}

SAME_ON_BOTH(a_timer) {
    const set_of_events s;
    int t = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    const itimerspec soon{{0, 0}, {0, 2'000'000}}, late{{0, 0}, {1'000, 0}}, none{},
        past{{0, 0}, {0, 1}};
    std::uint64_t n = 0;
    const auto set = [&](const itimerspec& to, int flags = 0) {
        itimerspec was{{0, 0}, {7, 7}};
        say("settime", ::timerfd_settime(t, flags, &to, &was));
        say("was set", was.it_value.tv_sec > 900 ? 1'000 : was.it_value.tv_sec);
    };
    const auto read = [&] { say("read", ::read(t, &n, 8)), say(std::to_string(n)); };
    s.add(t, EPOLLIN | EPOLLERR, 9), s.wait(), read();
    set(soon), s.wait(5'000), s.wait(), read(), s.wait(), read();             // expires once
    set(soon), s.wait(5'000), set(late), s.wait(), set(late), read();         // is armed again
    set(past, TFD_TIMER_ABSTIME), s.wait(5'000), set(none), s.wait(), read(); // is disarmed
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    set({{0, 0}, {now.tv_sec - 1, 0}}, TFD_TIMER_ABSTIME), s.wait(5'000), read();
    set({{0, 0}, {now.tv_sec + 1'000, 0}}, TFD_TIMER_ABSTIME), s.wait(), set(none), s.wait();
    set({{0, 0}, {0, -1}}), set({{0, 0}, {0, 1'000'000'000}}), drop(t), s.wait();
    say("settime", ::timerfd_settime(t, 0, &none, nullptr));
}

SAME_ON_BOTH(an_edge_of_a_timer) {
    const set_of_events s;
    int t = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    const itimerspec past{{0, 0}, {0, 1}};
    s.add(t, EPOLLIN | EPOLLET, 9);
    for (int i = 0; i < 2; ++i) {
        ::timerfd_settime(t, TFD_TIMER_ABSTIME, &past, nullptr);
        s.wait(5'000), s.wait();
    }
    drop(t);
}

// ---- descriptors

SAME_ON_BOTH(no_descriptors_left) {
    trio p(trio::not_accepted);
    const int first = p.c + 1;
    rlimit was{};
    ::getrlimit(RLIMIT_NOFILE, &was);
    const rlimit few{static_cast<rlim_t>(first), was.rlim_max};
    if (real())
        ::setrlimit(RLIMIT_NOFILE, &few);
    else
        kernel::current->most_fds = kernel::current->open_fds();
    p.accept(), say("accept", p.a), look("l", p.l), say("socket", fresh());
    say("open", ::open("/dev/null", O_RDONLY)), say("eventfd", ::eventfd(0, 0));
    say("epoll", ::epoll_create1(0)), say("timerfd", ::timerfd_create(CLOCK_MONOTONIC, 0));
    drop(p.c), settle(), p.accept(), say("accepted the lowest", p.a == first - 1);
    for (const int fd : {p.l, p.a}) say("accept", ::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK));
    if (real())
        ::setrlimit(RLIMIT_NOFILE, &was);
    else
        kernel::current->most_fds = 1 << 20;
    take("a", p.a);
    say("accept", ::accept4(p.l, nullptr, nullptr, SOCK_NONBLOCK));
}

SAME_ON_BOTH(the_lowest_free_descriptor) {
    trio p(trio::not_accepted);
    std::array<int, 5> some{};
    for (int& one : some) one = fresh();
    for (const int i : {3, 1}) ::close(some[static_cast<std::size_t>(i)]);
    const int ev = ::eventfd(0, 0);
    say("the lower one", ev == some[1]);
    p.accept(), say("then the other", p.a == some[3]);
    ::close(some[0]), ::close(ev);
    const int e = ::epoll_create1(0), file = ::open("/dev/null", O_RDONLY);
    say("again", e == some[0]), say("and again", file == some[1]);
    for (const int one : {some[2], some[4], e, file}) ::close(one);
}

// ---- files without a name

SAME_ON_BOTH(a_file_in_pieces) {
    const unnamed_file file;
    file.read(10, 0), file.write("hello", 0), file.read(10, 0), file.read(10, 5), file.read(10, 99);
    file.write("world", 8), file.read(100, 0), file.read(2, 9), file.write("", 50),
        file.read(9, 13);
    file.read(0, 0), file.write("x", -1), file.read(1, -1), file.write("HE", 0), file.read(5, 0);
}

SAME_ON_BOTH(a_file_that_is_cut) {
    const unnamed_file file("0123456789");
    const auto cut = [&](off_t at) { say("ftruncate", ::ftruncate(file.fd, at)); };
    cut(4), file.read(10, 0), cut(8), file.read(10, 0), cut(0), file.read(10, 0), cut(-1);
    file.write("ab", 2), file.read(10, 0), look("file", file.fd);
}

// ---- a process that dies

SAME_ON_BOTH(death_of_who_has_read_all) {
    doomed it;
    const outsider peer(it.to);
    it.accept(), peer.give(), settle(), take("a", it.a), give("a", it.a), it.dies();
    peer.look(), peer.take(), peer.take(), peer.give(), settle(), peer.look(), peer.take();
}

SAME_ON_BOTH(death_with_unread_input) {
    doomed it;
    const outsider peer(it.to);
    it.accept(), peer.give(), settle(), give("a", it.a), it.dies();
    peer.look(), peer.take(), peer.take(), peer.take();
}

SAME_ON_BOTH(death_with_linger) {
    doomed it;
    abortive(it.l);
    const outsider peer(it.to);
    it.accept(), peer.give(), settle(), take("a", it.a), give("a", it.a), settle(), it.dies();
    peer.look(), peer.take(), peer.take(), peer.take();
}

SAME_ON_BOTH(death_with_linger_and_unread_input) {
    doomed it;
    abortive(it.l);
    const outsider peer(it.to);
    it.accept(), peer.give(), peer.shut(), settle(), give("a", it.a), it.dies();
    peer.look(), peer.take(), peer.take(), peer.take();
}

SAME_ON_BOTH(death_with_linger_after_both_ends) {
    doomed it;
    abortive(it.l);
    const outsider peer(it.to);
    it.accept(), peer.shut(), settle(), take("a", it.a), give("a", it.a), shut("a", it.a);
    settle(), it.dies(), peer.look(), peer.take(), peer.take(), peer.take();
}

SAME_ON_BOTH(death_with_linger_lifted) {
    doomed it;
    abortive(it.l);
    const outsider peer(it.to);
    it.accept(), abortive(it.a, false), peer.shut(), settle(), take("a", it.a);
    give("a", it.a), it.dies(), peer.look(), peer.take(), peer.take();
}

SAME_ON_BOTH(death_before_it_is_accepted) {
    doomed it;
    const outsider silent(it.to), speaks(it.to);
    speaks.give(), speaks.shut(), settle(), it.dies();
    silent.look(), silent.take(), silent.take();
    speaks.look(), speaks.give(), speaks.take(), speaks.take();
}

SAME_ON_BOTH(death_with_a_reply_that_is_not_sent_yet) {
    doomed it;
    const outsider peer(it.to);
    it.accept();
    const std::string much(60'000, 'x'); // more than is on its way at once
    say("send", ::send(it.a, much.data(), much.size(), MSG_NOSIGNAL));
    it.dies(), peer.take_all();
}

BOOST_AUTO_TEST_SUITE_END()
