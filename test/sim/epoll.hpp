// epoll, eventfd and timerfd of the simulated kernel.
#pragma once

#include "sim/kernel.hpp"

#include <deque>
#include <map>
#include <memory>

#include <sys/epoll.h>

namespace finpost::sim {

struct epoll_file;

/// One descriptor that an epoll watches.
struct watch {
    file* of = nullptr;
    epoll_file* by = nullptr;
    epoll_event what{};
    bool listed = false;
    bool ready() const { return (of->ready() & (what.events | EPOLLERR | EPOLLHUP)) != 0; }
};

struct epoll_file : file {
    using file::file;
    void close() override;
    int control(int op, int of_fd, epoll_event* what); ///< as epoll_ctl(2); negative: -errno
    int wait(epoll_event* out, int most, int timeout);
    void forget(int of_fd) { control(EPOLL_CTL_DEL, of_fd, nullptr); }

    std::map<int, std::unique_ptr<watch>> watches;
    std::deque<watch*> list; // of those that may be ready
};

struct event_file : file {
    using file::file;
    static constexpr std::uint64_t no_more = ~std::uint64_t{0};
    unsigned ready() const override {
        return (count > 0 ? EPOLLIN : 0u) | (count < no_more - 1 ? EPOLLOUT : 0u);
    }
    std::int64_t read(std::uint64_t& into);
    std::int64_t write(std::uint64_t more);
    std::uint64_t count = 0;
};

struct timer_file : file {
    using file::file;
    unsigned ready() const override { return expired ? EPOLLIN : 0u; }
    void set(nanos when); ///< 0: never
    nanos left() const;   ///< 0: it is not armed
    std::int64_t read(std::uint64_t& into);
    nanos at = 0;
    std::uint64_t generation = 0;
    bool expired = false;
};

/// /dev/null
struct null_file : file {
    using file::file;
    bool can_be_watched() const override { return false; }
    unsigned ready() const override { return EPOLLIN | EPOLLOUT; }
};

} // namespace finpost::sim
