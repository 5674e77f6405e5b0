// The floor: what a gateway costs when it does the exchange and nothing else. One thread, one
// edge-triggered epoll, upstream connections kept in a stack. Nobody can be much below this without
// other system calls, so finpost's cost is given as a multiple of it.
//
// Left out: limits, timeouts, metrics, logs, refusals (what goes wrong is reset), chunked
// responses, retries of a kept connection that has died. It must not be used for anything else.
//
// With --frame a connection carries one payload after another, and the replies in the same frame.
//
//     epoll_floor PORT UPSTREAM_PORT [--frame line|length:u32be]
#include "end_points.hpp"

#include <array>
#include <cerrno>
#include <vector>

#include <sys/epoll.h>
#include <sys/uio.h>

namespace {

using baseline::end_point;
using baseline::exchange;
using baseline::fill;
using baseline::upstream;

class gateway {
public:
    gateway(int listener, std::uint16_t upstream_port, baseline::framing framing)
        : listener_{end_point::kind::listener, listener}, upstream_port_(upstream_port),
          framing_(framing), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
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
                    on_client(static_cast<exchange&>(*what),
                              (events[static_cast<std::size_t>(i)].events & EPOLLRDHUP) != 0);
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
            if (framing_.by_fin()) {
                on_client(*one, true); // the payload and its FIN are often there already
                continue;
            }
            baseline::no_delay(fd);
            one->registered = true;
            watch(*one, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
        }
    }

    void on_client(exchange& one, bool hung_up) {
        one.unread = one.now != exchange::stage::receive;
        if (one.now == exchange::stage::reply) return reply(one);
        if (one.now != exchange::stage::receive) return;
        if (!framing_.by_fin()) return receive_frame(one, hung_up);
        bool eof = false;
        if (!fill(one.payload, one.fd, false, eof)) return end(one, true);
        if (eof) {
            one.body = {0, one.payload.size(), one.payload.size()};
            return forward(one);
        }
        if (one.registered) return;
        one.registered = true;
        watch(one, EPOLLIN | EPOLLRDHUP | EPOLLET);
    }

    void receive_frame(exchange& one, bool hung_up) {
        const std::size_t seen = one.payload.size();
        if (!fill(one.payload, one.fd, !hung_up, one.ended)) return end(one, true);
        take_frame(one, seen);
    }

    void take_frame(exchange& one, std::size_t seen) {
        one.body = framing_.find(one.payload.text(), seen);
        if (one.body.next != 0) return forward(one);
        if (one.ended) end(one, one.payload.size() > 0); // cut, or between two frames
    }

    // After a reply: what of the next frame is there already.
    void go_on(exchange& one) {
        one.payload.drop_front(one.body.next);
        one.response.clear();
        one.head = {};
        one.sent = 0;
        one.now = exchange::stage::receive;
        if (one.payload.size() > 0 || one.ended) take_frame(one, 0);
        if (one.now == exchange::stage::receive && one.unread && one.fd >= 0) {
            one.unread = false;
            receive_frame(one, true);
        }
    }

    void forward(exchange& one) {
        one.now = exchange::stage::forward;
        one.request_head = baseline::post_head(upstream_port_, one.body.size, true);
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
        while (one.sent < head + one.body.size) {
            std::array<iovec, 2> pieces;
            std::size_t count = 0, at = one.sent;
            if (at < head) pieces[count++] = {one.request_head.data() + at, head - at};
            at = at < head ? 0 : at - head;
            if (at < one.body.size)
                pieces[count++] = {one.payload.data() + one.body.begin + at, one.body.size - at};
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
        if (one.sent < one.request_head.size() + one.body.size) send_request(one);
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
        one.sent = framing_.wrap(one.response, one.head.size);
        reply(one);
    }

    void reply(exchange& one) {
        const std::size_t whole = one.response.size();
        while (one.sent < whole) {
            const ssize_t n =
                ::send(one.fd, one.response.data() + one.sent, whole - one.sent, MSG_NOSIGNAL);
            if (n < 0) {
                if (errno != EAGAIN) return end(one, true);
                if (!framing_.by_fin()) return;
                watch(one, EPOLLOUT | EPOLLET, one.registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
                one.registered = true;
                return;
            }
            one.sent += static_cast<std::size_t>(n);
        }
        if (!framing_.by_fin()) return go_on(one);
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
        one.registered = one.unread = one.ended = false;
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
    baseline::framing framing_;
    int epoll_;
    std::vector<upstream*> idle_, broken_;
    std::vector<exchange*> free_, ended_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return std::fputs("epoll_floor PORT UPSTREAM_PORT [--frame SPEC]\n", stderr), 2;
    const bool framed = argc > 4 && argv[3] == std::string_view("--frame");
    const std::uint16_t port = baseline::read_port(argv[1]);
    const int listener = baseline::prepare_and_listen(port, SOCK_STREAM | SOCK_NONBLOCK);
    gateway(listener, baseline::read_port(argv[2]),
            baseline::framing::parse(framed ? argv[4] : "eof"))
        .run();
}
