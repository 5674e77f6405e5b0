#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace finpost::test {

/// A service manager's end of the protocol of sd_notify(3): what is in NOTIFY_SOCKET.
class notify_socket {
public:
    /// `address` is a path, or an abstract name behind an @.
    explicit notify_socket(const std::string& address)
        : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path, address.data(), address.size());
        if (address[0] == '@') name.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
        if (::bind(fd_, reinterpret_cast<const sockaddr*>(&name), size) != 0)
            throw std::system_error(errno, std::generic_category(), "notify_socket");
    }
    ~notify_socket() { ::close(fd_); }
    notify_socket(const notify_socket&) = delete;
    notify_socket& operator=(const notify_socket&) = delete;

    /// The next message, or nothing when none comes in time.
    std::optional<std::string> next(std::chrono::milliseconds limit = std::chrono::seconds(20)) {
        pollfd one{fd_, POLLIN, 0};
        if (::poll(&one, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
        std::array<char, 4096> text;
        const ssize_t n = ::recv(fd_, text.data(), text.size(), 0);
        return std::string(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    }

    /// The next message that begins like this; what comes before it is passed over.
    std::string next_of(const std::string& beginning) {
        for (;;) {
            const std::optional<std::string> got = next();
            if (!got) return "nothing that begins with " + beginning;
            if (got->starts_with(beginning)) return *got;
        }
    }

private:
    const int fd_;
};

} // namespace finpost::test
