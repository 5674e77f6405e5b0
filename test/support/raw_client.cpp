#include "support/raw_client.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

// Whether `events` came before `until`.
bool ready(int fd, short events, clock::time_point until) {
    for (;;) {
        const auto left = std::chrono::ceil<milliseconds>(until - clock::now()).count();
        pollfd one{fd, events, 0};
        const int n = ::poll(&one, 1, static_cast<int>(left > 0 ? left : 0));
        if (n > 0) return true;
        if (n == 0) return false;
        if (errno != EINTR) fail("poll");
    }
}

} // namespace

raw_client::raw_client(const socket_address& to, milliseconds limit) : limit_(limit) {
    fd_ = ::socket(to.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("socket");
    if (::connect(fd_, to.data(), static_cast<socklen_t>(to.size())) == 0) return;
    if (errno == EINPROGRESS && ready(fd_, POLLOUT, clock::now() + limit_)) {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error == 0) return;
        errno = error;
    }
    const int error = errno;
    ::close(std::exchange(fd_, -1));
    errno = error;
    fail("connect");
}

raw_client::~raw_client() { close(); }

raw_client::raw_client(raw_client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), limit_(other.limit_) {}

raw_client& raw_client::send(std::string_view data) {
    const auto until = clock::now() + limit_;
    while (!data.empty()) {
        const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
        if (n >= 0)
            data.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EAGAIN && errno != EINTR)
            fail("send");
        else if (!ready(fd_, POLLOUT, until))
            throw std::runtime_error("send: time is up");
    }
    return *this;
}

std::size_t raw_client::send_some(std::string_view data, milliseconds limit) noexcept {
    const auto until = clock::now() + limit;
    std::size_t sent = 0;
    while (sent < data.size()) {
        const ssize_t n = ::send(fd_, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
        if (n >= 0)
            sent += static_cast<std::size_t>(n);
        else if ((errno != EAGAIN && errno != EINTR) || !ready(fd_, POLLOUT, until))
            break;
    }
    return sent;
}

raw_client& raw_client::send_with_fin(std::string_view data) {
    const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL | MSG_MORE);
    if (n < 0) fail("send");
    if (static_cast<std::size_t>(n) != data.size())
        throw std::runtime_error("send_with_fin: more than one write");
    return half_close();
}

raw_client& raw_client::half_close() {
    // After a reset there is nothing to close: reading tells of it, and which end it was.
    if (::shutdown(fd_, SHUT_WR) != 0 && errno != ENOTCONN) fail("shutdown");
    return *this;
}

void raw_client::reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

void raw_client::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

raw_client::received raw_client::read_to_end() {
    const auto until = clock::now() + limit_;
    received out{{}, ending::timeout};
    std::array<char, 64 << 10> buffer;
    for (;;) {
        const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (n > 0) {
            out.bytes.append(buffer.data(), static_cast<std::size_t>(n));
        } else if (n == 0) {
            out.how = ending::fin;
            return out;
        } else if (errno == ECONNRESET || errno == EPIPE) {
            out.how = ending::reset;
            return out;
        } else if (errno != EAGAIN && errno != EINTR) {
            fail("recv");
        } else if (!ready(fd_, POLLIN, until)) {
            return out;
        }
    }
}

std::string raw_client::read_at_least(std::size_t n) {
    const auto until = clock::now() + limit_;
    std::string out;
    std::array<char, 4 << 10> buffer;
    while (out.size() < n) {
        const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (got > 0)
            out.append(buffer.data(), static_cast<std::size_t>(got));
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            break;
        else if (!ready(fd_, POLLIN, until))
            break;
    }
    return out;
}

socket_address raw_client::local() const {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size);
    return {reinterpret_cast<const sockaddr*>(&storage), size};
}

raw_client::received exchange(const socket_address& to, std::string_view data) {
    raw_client client(to);
    client.send(data).half_close();
    return client.read_to_end();
}

} // namespace finpost::test
