#include "support/tcp_peer.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

namespace {

constexpr int limit = 20'000; // milliseconds

// False when the time is up.
bool ready(int fd, short events) {
    pollfd one{fd, events, 0};
    int n = 0;
    do n = ::poll(&one, 1, limit);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

} // namespace

peer_connection::~peer_connection() {
    if (fd_ >= 0) ::close(fd_);
}

std::string peer_connection::read_to_end() { return read_at_least(SIZE_MAX); }

std::string peer_connection::read_at_least(std::size_t n) {
    std::string out;
    std::array<char, 64 << 10> buffer;
    while (out.size() < n && ready(fd_, POLLIN)) {
        const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
        was_reset_ = got < 0 && errno == ECONNRESET;
        if (got <= 0) break;
        out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return out;
}

void peer_connection::send(std::string_view data) {
    while (!data.empty() && ready(fd_, POLLOUT)) {
        const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) break;
        if (n > 0) data.remove_prefix(static_cast<std::size_t>(n));
    }
}

void peer_connection::half_close() { ::shutdown(fd_, SHUT_WR); }

void peer_connection::reset() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(fd_);
    fd_ = -1;
}

void peer_connection::stay_silent() { released_.wait(); }

tcp_peer::tcp_peer(std::function<void(peer_connection&)> script, const char* host,
                   bool who_speaks) {
    const bool v6 = std::string_view(host).find(':') != std::string_view::npos;
    const std::string text = v6 ? '[' + std::string(host) + "]:0" : std::string(host) + ":0";
    const socket_address wanted = parse_socket_address(text).value();
    listener_ = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener_ < 0 ||
        ::bind(listener_, wanted.data(), static_cast<socklen_t>(wanted.size())) != 0 ||
        ::listen(listener_, 8) != 0)
        throw std::system_error(errno, std::generic_category(), "tcp_peer");
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&storage), &size);
    address_ = socket_address(reinterpret_cast<sockaddr*>(&storage), size);
    thread_ = std::thread([this, script = std::move(script), who_speaks] {
        int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        char byte = 0;
        while (who_speaks && fd >= 0 && ::recv(fd, &byte, 1, MSG_PEEK) <= 0) {
            ::close(fd);
            fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        }
        if (fd < 0) return; // the test ended without a client
        peer_connection one(fd);
        one.released_ = release_.get_future();
        script(one);
    });
}

tcp_peer::~tcp_peer() {
    release_.set_value();
    ::shutdown(listener_, SHUT_RDWR); // ends an accept
    thread_.join();
    ::close(listener_);
}

} // namespace finpost::test
