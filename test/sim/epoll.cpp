#include "sim/epoll.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace finpost::sim {

void file::wake() {
    for (watch* one : watched) {
        if (one->listed) continue;
        one->listed = true;
        one->by->list.push_back(one);
    }
    if (!waiting || resuming) return;
    resuming = true;
    k.at(k.now + 5 * us, [this] {
        resuming = false;
        if (waiting) std::exchange(waiting, nullptr).resume();
    });
}

void epoll_file::close() {
    for (auto& [number, one] : watches) std::erase(one->of->watched, one.get());
    watches.clear();
    list.clear();
}

int epoll_file::control(int op, int of_fd, epoll_event* what) {
    file* const of = k.get(of_fd);
    if (of == nullptr) return -EBADF;
    if (!of->can_be_watched()) return -EPERM;
    if (of == this) return -EINVAL;
    const auto found = watches.find(of_fd);
    const auto look = [this](watch& one) {
        if (one.listed || !one.ready()) return;
        one.listed = true;
        list.push_back(&one);
    };
    if (op == EPOLL_CTL_ADD) {
        if (found != watches.end()) return -EEXIST;
        auto one = std::make_unique<watch>(watch{of, this, *what, false});
        of->watched.push_back(one.get());
        look(*one);
        watches.emplace(of_fd, std::move(one));
        return 0;
    }
    if (op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL) return -EINVAL;
    if (found == watches.end()) return -ENOENT;
    watch* const one = found->second.get();
    if (op == EPOLL_CTL_MOD) {
        one->what = *what;
        look(*one);
        return 0;
    }
    std::erase(list, one);
    std::erase(of->watched, one);
    watches.erase(found);
    return 0;
}

int epoll_file::wait(epoll_event* out, int most, int timeout) {
    if (most <= 0) return -EINVAL;
    const nanos until = timeout < 0 ? k.end_of_time : std::min(k.end_of_time, k.now + timeout * ms);
    if (k.on_wait) k.on_wait();
    if (timeout != 0 &&
        k.happens(hardship::stall, k.hard.stall, k.dice)) { // others have the processor
        const nanos back = k.now + k.dice.between(0, 50 * ms);
        while (k.step(back)) {
        }
        k.now = std::max(k.now, back);
    }
    for (;;) {
        const bool called = !k.host.empty();
        while (!k.host.empty()) {
            const auto what = std::move(k.host.front());
            k.host.pop_front();
            ++k.host_calls;
            const within program;
            what();
        }
        if (k.dead) return 0;
        int n = 0;
        std::deque<watch*> again;
        while (!list.empty() && n < most) {
            watch* const one = list.front();
            list.pop_front();
            one->listed = false;
            const unsigned got = one->of->ready() & (one->what.events | EPOLLERR | EPOLLHUP);
            if (got == 0) continue;
            out[n].events = got;
            out[n++].data = one->what.data;
            k.note("event", one->of->fd, got);
            if ((one->what.events & EPOLLET) == 0) again.push_back(one);
        }
        for (watch* one : again) {
            one->listed = true;
            list.push_back(one);
        }
        if (n > 0 || called)
            return n; // what Asio was given from inside this call, it looks at after it
        if (k.stuck) return 0;
        if (k.step(until)) continue;
        if (until < k.end_of_time) {
            k.now = std::max(k.now, until);
            return 0;
        }
        k.stuck = true; // nothing will ever happen again, or it takes too long
        k.on_stuck();
        return 0;
    }
}

std::int64_t event_file::read(std::uint64_t& into) {
    if (count == 0) return -EAGAIN;
    into = std::exchange(count, 0);
    return sizeof into;
}

std::int64_t event_file::write(std::uint64_t more) {
    if (more == no_more) return -EINVAL;
    if (more >= no_more - count) return -EAGAIN;
    count += more;
    wake();
    return sizeof more;
}

void timer_file::set(nanos when) {
    expired = false;
    at = when;
    const std::uint64_t mine = ++generation;
    if (when == 0) return;
    k.at(when, [this, mine] {
        if (generation != mine) return;
        expired = true;
        wake();
    });
}

nanos timer_file::left() const { return expired || at <= k.now ? 0 : at - k.now; }

std::int64_t timer_file::read(std::uint64_t& into) {
    if (!expired) return -EAGAIN;
    expired = false;
    into = 1; // it is never periodic
    return sizeof into;
}

} // namespace finpost::sim
