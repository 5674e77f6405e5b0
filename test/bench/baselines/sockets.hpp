#pragma once

#include <strings.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

// What the baselines share: loopback sockets, and just enough of HTTP/1.1 to talk to each other.
namespace baseline {

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

inline std::uint16_t read_port(const char* text) {
    return static_cast<std::uint16_t>(std::strtoul(text, nullptr, 10));
}

/// As many descriptors as allowed, no SIGPIPE, and a listening socket on loopback; ends the program
/// when there is none. `type` is SOCK_STREAM, with SOCK_NONBLOCK for an event loop.
inline int prepare_and_listen(std::uint16_t port, int type) {
    std::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(fd, 4096) != 0) {
        std::perror("cannot listen");
        std::exit(1);
    }
    return fd;
}

inline void no_delay(int fd) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// Bytes that grow at the end, without the zeros that a std::vector writes first.
class buffer {
public:
    buffer() = default;
    buffer(const buffer&) = delete;
    buffer& operator=(const buffer&) = delete;
    ~buffer() { std::free(memory_); }

    char* data() { return memory_; }
    std::size_t size() const { return size_; }
    std::string_view text() const { return {memory_, size_}; }

    void reserve(std::size_t capacity) {
        if (capacity <= capacity_) return;
        capacity_ = std::max({capacity, 2 * capacity_, std::size_t{4096}});
        memory_ = static_cast<char*>(std::realloc(memory_, capacity_));
        if (memory_ == nullptr) std::abort();
    }

    /// One recv of what fits, at least `least`. What recv returned; `filled` tells whether it took
    /// all the room, so that there may be more.
    ssize_t receive(int fd, std::size_t least, bool& filled) {
        reserve(size_ + least);
        const ssize_t n = ::recv(fd, memory_ + size_, capacity_ - size_, 0);
        filled = n > 0 && static_cast<std::size_t>(n) == capacity_ - size_;
        if (n > 0) size_ += static_cast<std::size_t>(n);
        return n;
    }

    void append(char c) {
        reserve(size_ + 1);
        memory_[size_++] = c;
    }

    void drop_front(std::size_t n) {
        std::memmove(memory_, memory_ + n, size_ - n);
        size_ -= n;
    }

    /// Empty; a small buffer keeps its memory for the next use, a large one gives it back.
    void clear() {
        size_ = 0;
        if (capacity_ <= (1u << 20)) return;
        std::free(memory_);
        memory_ = nullptr;
        capacity_ = 0;
    }

private:
    char* memory_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

inline std::string post_head(std::uint16_t port, std::size_t body_size, bool keep) {
    return "POST /upload HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
           "\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
           std::to_string(body_size) + (keep ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
}

/// What matters of a message's head. Only Content-Length delimits a body here, or it is chunked.
struct head {
    std::size_t size = 0; ///< 0: not complete yet
    std::size_t body_size = 0;
    bool chunked = false;
    bool close = false;
};

inline head read_head(std::string_view text) {
    head read;
    const std::size_t end = text.find("\r\n\r\n");
    if (end == text.npos) return read;
    read.size = end + 4;
    for (std::size_t at = text.find("\r\n"); at < end; at = text.find("\r\n", at + 2)) {
        const char* line = text.data() + at + 2; // the empty line at the end stops every comparison
        if (::strncasecmp(line, "content-length:", 15) == 0)
            read.body_size = std::strtoull(line + 15, nullptr, 10);
        else if (::strncasecmp(line, "transfer-encoding: chunked", 26) == 0)
            read.chunked = true;
        else if (::strncasecmp(line, "connection: close", 17) == 0)
            read.close = true;
    }
    return read;
}

} // namespace baseline
