#pragma once

#include "finpost/endpoint.hpp"

#include <cerrno>
#include <string>
#include <system_error>

#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

/// Listens on a free port of loopback, for a program that is started with the descriptor: nobody
/// can take the port before it, and who connects before it is ready waits in the backlog.
class inherited_listener {
public:
    inherited_listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        const socket_address any = parse_socket_address("127.0.0.1:0").value();
        if (::bind(fd_, any.data(), static_cast<socklen_t>(any.size())) != 0 ||
            ::listen(fd_, 8) != 0)
            throw std::system_error(errno, std::generic_category(), "inherited_listener");
    }
    ~inherited_listener() { ::close(fd_); }
    inherited_listener(const inherited_listener&) = delete;
    inherited_listener& operator=(const inherited_listener&) = delete;

    int fd() const noexcept { return fd_; }
    std::string address() const {
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size);
        return to_string(socket_address(reinterpret_cast<sockaddr*>(&storage), size));
    }

private:
    const int fd_;
};

} // namespace finpost::test
