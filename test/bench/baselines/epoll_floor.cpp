// The floor: what a gateway costs when it does the exchange and nothing else. One thread, one
// edge-triggered epoll, upstream connections kept in a stack. Nobody can be much below this without
// other system calls, so finpost's cost is given as a multiple of it.
//
// Left out: limits, timeouts, metrics, logs, refusals (what goes wrong is reset), chunked
// responses, retries of a kept connection that has died. It must not be used for anything else.
//
//     epoll_floor PORT UPSTREAM_PORT
#include "sockets.hpp"

#include <array>
#include <cerrno>
#include <vector>

#include <sys/epoll.h>
#include <sys/uio.h>

namespace {

// An end of an exchange: which kind it is decides what an event on it means.
struct end_point {
    enum class kind { listener, client, upstream } what;
    int fd = -1;
};

// Reads what is there: until nothing is left or, with `whole_reads`, a read was not filled (the
// next byte is then a new event). False when the connection is broken; `eof` when it has ended.
bool fill(baseline::buffer& into, int fd, bool whole_reads, bool& eof) {
    for (bool filled = true;;) {
        const ssize_t n = into.receive(fd, 1024, filled);
        if (n < 0) return errno == EAGAIN;
        eof = n == 0;
        if (eof || (whole_reads && !filled)) return true;
    }
}

struct exchange;

struct upstream : end_point {
    upstream() : end_point{kind::upstream} {}
    exchange* serves = nullptr;
};

struct exchange : end_point {
    enum class stage { receive, forward, reply } now = stage::receive;
    exchange() : end_point{kind::client} {}
    bool registered = false;
    upstream* asked = nullptr;
    baseline::buffer payload;
    baseline::buffer response;
    baseline::head head;
    std::string request_head;
    std::size_t sent = 0;
};

class gateway {
public:
    gateway(int listener, std::uint16_t upstream_port)
        : listener_{end_point::kind::listener, listener}, upstream_port_(upstream_port),
          epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
        watch(listener_, EPOLLIN);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; ++i) {
                auto* what = static_cast<end_point*>(events[static_cast<std::size_t>(i)].data.ptr);
                if (what->fd < 0) continue; // ended by an earlier event of this turn
                if (what->what == end_point::kind::listener)
                    accept_some();
                else if (what->what == end_point::kind::client)
                    on_client(static_cast<exchange&>(*what));
                else
                    on_upstream(static_cast<upstream&>(*what));
            }
            // What ended may have been named by a later event of the same turn; now nothing names
            // it.
            for (exchange* one : ended_) free_.push_back(one);
            for (upstream* one : broken_) delete one;
            ended_.clear();
            broken_.clear();
        }
    }

private:
    void watch(end_point& what, std::uint32_t events, int how = EPOLL_CTL_ADD) {
        epoll_event event{};
        event.events = events;
        event.data.ptr = &what;
        ::epoll_ctl(epoll_, how, what.fd, &event);
    }

    void accept_some() {
        for (int i = 0; i < 32; ++i) {
            const int fd = ::accept4(listener_.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            if (free_.empty()) free_.push_back(new exchange);
            exchange* one = free_.back(); // with the buffers it had
            free_.pop_back();
            one->fd = fd;
            on_client(*one); // the payload and its FIN are often there already
        }
    }

    void on_client(exchange& one) {
        if (one.now == exchange::stage::reply) return reply(one);
        if (one.now != exchange::stage::receive) return;
        bool eof = false;
        if (!fill(one.payload, one.fd, false, eof)) return end(one, true);
        if (eof) return forward(one);
        if (one.registered) return;
        one.registered = true;
        watch(one, EPOLLIN | EPOLLRDHUP | EPOLLET);
    }

    void forward(exchange& one) {
        one.now = exchange::stage::forward;
        one.request_head = baseline::post_head(upstream_port_, one.payload.size(), true);
        if (idle_.empty()) {
            one.asked = new upstream;
            one.asked->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            baseline::no_delay(one.asked->fd);
            const sockaddr_in to = baseline::loopback(upstream_port_);
            ::connect(one.asked->fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
            watch(*one.asked, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
        } else {
            one.asked = idle_.back();
            idle_.pop_back();
        }
        one.asked->serves = &one;
        send_request(one);
    }

    void send_request(exchange& one) {
        const std::size_t head = one.request_head.size();
        while (one.sent < head + one.payload.size()) {
            std::array<iovec, 2> pieces;
            std::size_t count = 0, at = one.sent;
            if (at < head) pieces[count++] = {one.request_head.data() + at, head - at};
            at = at < head ? 0 : at - head;
            if (at < one.payload.size())
                pieces[count++] = {one.payload.data() + at, one.payload.size() - at};
            msghdr message{};
            message.msg_iov = pieces.data();
            message.msg_iovlen = count;
            const ssize_t n = ::sendmsg(one.asked->fd, &message, MSG_NOSIGNAL);
            if (n < 0) {
                if (errno != EAGAIN) end(one, true);
                return;
            }
            one.sent += static_cast<std::size_t>(n);
        }
    }

    void on_upstream(upstream& from) {
        if (from.serves == nullptr) {
            // Writable again after a request, or closed while idle; only reading tells.
            char unread = 0;
            if (::recv(from.fd, &unread, 1, MSG_PEEK) < 0 && errno == EAGAIN) return;
            std::erase(idle_, &from);
            return drop(from);
        }
        exchange& one = *from.serves;
        if (one.sent < one.request_head.size() + one.payload.size()) send_request(one);
        if (from.serves != &one) return;
        bool eof = false;
        if (!fill(one.response, from.fd, true, eof)) return end(one, true);
        if (one.head.size == 0) one.head = baseline::read_head(one.response.text());
        const std::size_t whole = one.head.size + one.head.body_size;
        if (one.head.size == 0 || one.response.size() < whole) {
            if (eof) return end(one, true);
            return one.response.reserve(whole);
        }
        one.asked = nullptr;
        from.serves = nullptr;
        if (one.head.close || eof)
            drop(from);
        else
            idle_.push_back(&from);
        one.now = exchange::stage::reply;
        one.sent = one.head.size;
        reply(one);
    }

    void reply(exchange& one) {
        const std::size_t whole = one.head.size + one.head.body_size;
        while (one.sent < whole) {
            const ssize_t n =
                ::send(one.fd, one.response.data() + one.sent, whole - one.sent, MSG_NOSIGNAL);
            if (n < 0) {
                if (errno != EAGAIN) return end(one, true);
                watch(one, EPOLLOUT | EPOLLET, one.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
                one.registered = true;
                return;
            }
            one.sent += static_cast<std::size_t>(n);
        }
        end(one, false); // everything was read, so this close is a FIN
    }

    void end(exchange& one, bool reset) {
        const linger at_once{1, 0};
        if (reset) ::setsockopt(one.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::close(one.fd);
        if (one.asked != nullptr) drop(*one.asked);
        one.payload.clear();
        one.response.clear();
        one.fd = -1;
        one.now = exchange::stage::receive;
        one.registered = false;
        one.asked = nullptr;
        one.head = {};
        one.sent = 0;
        ended_.push_back(&one);
    }

    void drop(upstream& from) {
        ::close(from.fd);
        from.fd = -1;
        from.serves = nullptr;
        broken_.push_back(&from);
    }

    end_point listener_;
    std::uint16_t upstream_port_;
    int epoll_;
    std::vector<upstream*> idle_, broken_;
    std::vector<exchange*> free_, ended_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return std::fputs("epoll_floor PORT UPSTREAM_PORT\n", stderr), 2;
    const std::uint16_t port = baseline::read_port(argv[1]);
    const int listener = baseline::prepare_and_listen(port, SOCK_STREAM | SOCK_NONBLOCK);
    gateway(listener, baseline::read_port(argv[2])).run();
}
