// Exchanges through a gateway in one thread, the client and the HTTP service being system calls of
// the same thread: always the same instructions, so that `valgrind --tool=callgrind` can count them
// and the machine's noise cannot decide. `exchange EXCHANGES PAYLOAD_BYTES`
#include "finpost/gateway.hpp"
#include "finpost/http_upstream.hpp"
#include "finpost/metrics.hpp"

#include <boost/asio/io_context.hpp>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using finpost::socket_address;

void check(bool good, const char* what) {
    if (!good) throw std::system_error(errno, std::generic_category(), what);
}

// Everything is on loopback and one step at a time, so a call that would block is a bug.
int stream_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(fd >= 0, "socket");
    return fd;
}

// Reads what is there; returns whether the end has come.
bool read_all(int fd, std::string& into) {
    static std::vector<char> buffer(1 << 20);
    for (;;) {
        const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n > 0)
            into.append(buffer.data(), static_cast<std::size_t>(n));
        else if (n == 0)
            return true;
        else
            return check(errno == EAGAIN, "recv"), false;
    }
}

// Sends what the kernel takes.
void send_some(int fd, std::string_view& rest) {
    while (!rest.empty()) {
        const ssize_t n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n < 0) return check(errno == EAGAIN, "send");
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
}

// An HTTP service for one kept connection that answers each POST with its own body.
class service {
public:
    service() : listener_(stream_socket()) {
        const auto any = finpost::parse_socket_address("127.0.0.1:0").value();
        check(::bind(listener_, any.data(), static_cast<socklen_t>(any.size())) == 0, "bind");
        check(::listen(listener_, 8) == 0, "listen");
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&storage), &size);
        port_ = socket_address(reinterpret_cast<sockaddr*>(&storage), size).port();
    }

    std::uint16_t port() const { return port_; }

    void step() {
        if (connection_ < 0)
            connection_ = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection_ < 0) return;
        if (rest_.empty()) {
            read_all(connection_, request_);
            const std::size_t head = request_.find("\r\n\r\n");
            if (head == request_.npos) return;
            const std::size_t field = request_.find("Content-Length: ") + 16;
            const std::size_t length = std::strtoull(request_.c_str() + field, nullptr, 10);
            if (request_.size() < head + 4 + length) return;
            answer_ =
                "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
                std::to_string(length) + "\r\n\r\n" + request_.substr(head + 4);
            rest_ = answer_;
            request_.clear();
        }
        send_some(connection_, rest_);
    }

private:
    int listener_;
    int connection_ = -1;
    std::uint16_t port_ = 0;
    std::string request_, answer_;
    std::string_view rest_;
};

void exchange(const socket_address& to, std::string_view payload, boost::asio::io_context& io,
              service& upstream) {
    const int fd = stream_socket();
    const int connected = ::connect(fd, to.data(), static_cast<socklen_t>(to.size()));
    check(connected == 0 || errno == EINPROGRESS, "connect");
    std::string_view rest = payload;
    std::string reply;
    bool half_closed = false;
    for (long idle = 0; idle < 100'000; ++idle) {
        send_some(fd, rest);
        if (rest.empty() && !half_closed) half_closed = ::shutdown(fd, SHUT_WR) == 0;
        if (io.poll() > 0) idle = 0;
        upstream.step();
        if (!half_closed || !read_all(fd, reply)) continue;
        ::close(fd);
        if (reply != payload) throw std::runtime_error("a reply is not its payload");
        return;
    }
    throw std::runtime_error("nothing moves any more");
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3) return std::cerr << "usage: exchange EXCHANGES PAYLOAD_BYTES\n", 2;
    const long exchanges = std::strtol(argv[1], nullptr, 10);
    const std::string payload(std::strtoull(argv[2], nullptr, 10), 'x');

    boost::asio::io_context io(1);
    finpost::metrics counters;
    service upstream;
    finpost::upstream_config service_config;
    service_config.endpoints = {
        finpost::parse_http_url("http://127.0.0.1:" + std::to_string(upstream.port())).value()};
    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address("127.0.0.1:0").value()};
    service_config.max_reply = config.max_payload = 256u << 20;
    // A log that is on, as in production, and costs nothing of its own.
    const finpost::logger log(finpost::log_level::info, [](auto, auto, auto) {});
    finpost::http_upstream handler(io.get_executor(), service_config, counters, log);
    // With one thread, as in finpostd.
    const auto loop = finpost::event_loops::per_thread({io.get_executor()});
    finpost::gateway gateway(loop, {{config, handler.as_handler()}}, counters, log);
    gateway.start();
    for (long i = 0; i < exchanges; ++i)
        exchange(gateway.endpoints().front(), payload, io, upstream);
    handler.close();
    gateway.stop();
    io.run();
    if (counters.replied.value() != static_cast<std::uint64_t>(exchanges)) return 1;
    std::cout << exchanges << " exchanges\n";
    return 0;
}
