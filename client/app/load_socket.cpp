#include "load_socket.hpp"

#include <cerrno>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost {

namespace {

constexpr std::uint32_t first_source = 0x7f000101; // 127.0.1.1
constexpr std::uint64_t sources = 200;             // up to 127.0.1.200

bool bind_to_source(int fd, std::uint64_t n) noexcept {
    // The port is chosen when the target is known; otherwise bind searches a free one by itself,
    // and slows down as they are used up.
    const int on = 1;
    if (::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) return false;
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(first_source + static_cast<std::uint32_t>(n % sources));
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0;
}

} // namespace

int connect_from_many(const socket_address& target, std::uint64_t n) noexcept {
    const int fd = ::socket(target.is_v6() ? AF_INET6 : AF_INET,
                            SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const bool many = target.is_loopback() && !target.is_v6(); // IPv6 has one loopback address
    const bool bound = !many || bind_to_source(fd, n);
    if (bound && (::connect(fd, target.data(), static_cast<socklen_t>(target.size())) == 0 ||
                  errno == EINPROGRESS)) {
        return fd;
    }
    const int why = errno;
    ::close(fd);
    errno = why;
    return -1;
}

void reset_on_close(int fd, bool on) noexcept {
    const linger option{on ? 1 : 0, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

} // namespace finpost
