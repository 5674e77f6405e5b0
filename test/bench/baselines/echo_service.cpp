// The HTTP service behind every gateway of the benchmark: it answers each POST with its own body,
// at once or after a fixed delay. One thread, one epoll, kept connections: it costs as little as
// such a service can, so that the differences are the gateways'.
//
// A chunked body is sent back as it came, with its framing. Left out: trailers, pipelining,
// timeouts, limits, anything but an echo. A request it does not understand ends the connection.
//
//     echo_service PORT [--delay MILLISECONDS]      port 0 takes any free one
#include "sockets.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/uio.h>

namespace {

using clock_type = std::chrono::steady_clock;

struct connection {
    int fd = -1;
    baseline::buffer in;
    baseline::head request;
    std::size_t chunk = 0; // where the next chunk of a chunked body begins in `in`
    std::string head;      // of the response; empty while a request is read
    std::size_t sent = 0;
    bool delayed = false; // the response is due later
};

class service {
public:
    service(int listener, std::chrono::milliseconds delay)
        : listener_(listener), epoll_(::epoll_create1(EPOLL_CLOEXEC)), delay_(delay) {
        watch(listener_, nullptr, EPOLLIN);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int room = static_cast<int>(events.size());
            const int n = ::epoll_wait(epoll_, events.data(), room, until_due());
            for (int i = 0; i < n; ++i) {
                const epoll_event& event = events[static_cast<std::size_t>(i)];
                auto* one = static_cast<connection*>(event.data.ptr);
                if (one == nullptr)
                    accept_some();
                else if (!serve(*one, (event.events & EPOLLRDHUP) != 0))
                    end(one);
            }
            answer_due();
        }
    }

private:
    void watch(int fd, connection* one, std::uint32_t what) {
        epoll_event event{};
        event.events = what;
        event.data.ptr = one;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }

    void accept_some() {
        for (int i = 0; i < 64; ++i) {
            const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            baseline::no_delay(fd);
            if (free_.empty()) free_.push_back(new connection);
            connection* one = free_.back(); // with the buffer it had
            free_.pop_back();
            one->fd = fd;
            watch(fd, one, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
        }
    }

    void end(connection* one) {
        ::close(one->fd);
        one->in.drop_front(one->in.size());
        one->request = {};
        one->chunk = one->sent = 0;
        one->head.clear();
        free_.push_back(one);
    }

    // Whatever the event was: write what is owed, then read what is there. False: the connection
    // ends.
    bool serve(connection& one, bool hung_up) {
        if (one.delayed) return true; // goes on when it is answered
        for (bool more = true;;) {
            if (!one.head.empty()) {
                if (!send_response(one)) return false;
                if (!one.head.empty()) return true;
            }
            while (!take_request(one)) {
                // A read that did not fill the buffer took everything: the next byte is a new
                // event.
                if (!more) return true;
                const ssize_t n = one.in.receive(one.fd, 8 << 10, more);
                if (n < 0) return errno == EAGAIN;
                if (n == 0) return false;
                more = more || hung_up;
            }
            if (delay_.count() > 0) {
                one.delayed = true;
                due_.emplace_back(clock_type::now() + delay_, &one);
                return true;
            }
        }
    }

    // Whether a whole request is there; the response is then ready to be sent.
    bool take_request(connection& one) {
        if (one.request.size == 0) one.request = baseline::read_head(one.in.text());
        if (one.request.size == 0) return false;
        if (one.request.chunked && !take_chunks(one)) return false;
        const std::size_t whole = one.request.size + one.request.body_size;
        one.in.reserve(whole); // at once, rather than by doubling
        if (one.in.size() < whole) return false;
        one.head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n" +
            (one.request.chunked ? "Transfer-Encoding: chunked"
                                 : "Content-Length: " + std::to_string(one.request.body_size)) +
            (one.request.close ? "\r\nConnection: close\r\n\r\n" : "\r\n\r\n");
        one.sent = 0;
        return true;
    }

    // Whether the last chunk is there; `body_size` is then known.
    static bool take_chunks(connection& one) {
        one.chunk = std::max(one.chunk, one.request.size);
        for (;;) {
            const std::string_view text = one.in.text();
            const std::size_t line_end =
                one.chunk < text.size() ? text.find('\n', one.chunk) : text.npos;
            if (line_end == text.npos) return false;
            const std::size_t size = std::strtoull(text.data() + one.chunk, nullptr, 16);
            const std::size_t end = line_end + 1 + size + 2;
            if (size > 0) {
                one.chunk = end;
                continue;
            }
            if (text.size() < end) return false;
            one.request.body_size = end - one.request.size;
            one.chunk = 0;
            return true;
        }
    }

    // False when the connection has ended; the head is empty when all was sent.
    bool send_response(connection& one) {
        const std::size_t all = one.head.size() + one.request.body_size;
        while (one.sent < all) {
            std::array<iovec, 2> pieces;
            std::size_t count = 0, at = one.sent;
            if (at < one.head.size())
                pieces[count++] = {one.head.data() + at, one.head.size() - at};
            at = at < one.head.size() ? 0 : at - one.head.size();
            if (at < one.request.body_size)
                pieces[count++] = {one.in.data() + one.request.size + at,
                                   one.request.body_size - at};
            msghdr message{};
            message.msg_iov = pieces.data();
            message.msg_iovlen = count;
            const ssize_t n = ::sendmsg(one.fd, &message, MSG_NOSIGNAL);
            if (n < 0) return errno == EAGAIN;
            one.sent += static_cast<std::size_t>(n);
        }
        if (one.request.close) return false;
        one.in.drop_front(one.request.size + one.request.body_size);
        one.request = {};
        one.head.clear();
        return true;
    }

    int until_due() const {
        if (due_.empty()) return -1;
        using std::chrono::milliseconds;
        const auto left = std::chrono::ceil<milliseconds>(due_.front().first - clock_type::now());
        return static_cast<int>(std::max<std::int64_t>(0, left.count()));
    }

    void answer_due() {
        while (!due_.empty() && due_.front().first <= clock_type::now()) {
            connection* one = due_.front().second;
            due_.pop_front(); // the delay is the same for all, so they are in order
            one->delayed = false;
            if (!serve(*one, true)) end(one);
        }
    }

    int listener_;
    int epoll_;
    std::chrono::milliseconds delay_;
    std::deque<std::pair<clock_type::time_point, connection*>> due_;
    std::vector<connection*> free_;
};

} // namespace

int main(int argc, char** argv) {
    long delay = 0;
    for (int i = 2; i + 1 < argc; i += 2)
        if (std::string_view(argv[i]) == "--delay") delay = std::strtol(argv[i + 1], nullptr, 10);
    const std::uint16_t port = argc > 1 ? baseline::read_port(argv[1]) : 0;
    service(baseline::prepare_and_listen(port, SOCK_STREAM | SOCK_NONBLOCK),
            std::chrono::milliseconds(delay))
        .run();
}
