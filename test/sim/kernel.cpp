#include "sim/kernel.hpp"

#include "sim/epoll.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace finpost::sim {

std::string_view name_of(hardship what) {
    static constexpr std::string_view names[] = {
        "late",         "small",       "short_write",     "no_space",
        "lost_syn",     "unanswered",  "stall",           "accept_fails",
        "socket_fails", "descriptors", "disk_full",       "short_disk_write",
        "disk_error",   "no_file",     "short_disk_read", "disk_read_error",
        "allocation",   "killed"};
    static_assert(std::size(names) == static_cast<std::size_t>(hardship::count));
    return names[static_cast<std::size_t>(what)];
}

kernel::kernel(std::uint64_t from) : seed(from), dice(from), randomness(from ^ 0x5bd1e995u) {
    current = this;
}

kernel::~kernel() {
    const std::set<void*> left = frames;
    for (void* one : left) std::coroutine_handle<>::from_address(one).destroy();
    current = nullptr;
}

bool kernel::happens(hardship what, double p, rng& by) {
    if (!by.chance(p)) return false;
    count(what);
    return true;
}

// ---- time

void kernel::at(nanos when, std::function<void()> what) {
    future_.push_back({std::max(when, now), order_++, std::move(what), {}});
    std::push_heap(future_.begin(), future_.end());
}

void kernel::resume_at(nanos when, std::coroutine_handle<> who) {
    future_.push_back({std::max(when, now), order_++, {}, who});
    std::push_heap(future_.begin(), future_.end());
}

void kernel::host_at(nanos when, std::function<void()> what) {
    at(when, [this, what = std::move(what)] { host.push_back(what); });
}

void kernel::host_at_tick(std::uint64_t when, std::function<void()> what) {
    at_ticks_.emplace_back(when, std::move(what));
}

bool kernel::step(nanos until) {
    if (future_.empty() || future_.front().when > until) return false;
    std::pop_heap(future_.begin(), future_.end());
    event next = std::move(future_.back());
    future_.pop_back();
    now = std::max(now, next.when);
    ++events;
    count_tick();
    if (next.who)
        next.who.resume();
    else
        next.what();
    return true;
}

void kernel::enter(const char* call, std::int64_t a, std::int64_t b) {
    now += static_cast<nanos>(200 + dice.below(2'000));
    ++calls;
    count_tick();
    if (on_call) on_call();
    while (step(now)) {
    }
    note(call, a, b);
}

void kernel::count_tick() {
    ++tick;
    if (tick == hard.dies_at) die();
    for (auto& [when, what] : at_ticks_)
        if (when == tick) host.push_back(what);
    if (tick > most_ticks && !stuck) {
        stuck = true;
        on_stuck();
    }
}

// ---- the process

void kernel::die() {
    if (dead) return;
    note("SIGKILL");
    count(hardship::killed);
    dead = true;
    for (std::size_t i = 0; i < fds_.size(); ++i)
        if (fds_[i] != nullptr) close(first_fd + static_cast<int>(i));
    host.clear();
    if (on_death) on_death();
}

int kernel::open(file* what) {
    std::size_t i = 0; // the lowest that is free, as POSIX has it
    while (i < fds_.size() && fds_[i] != nullptr) ++i;
    if (i >= most_fds) {
        count(hardship::descriptors);
        return -EMFILE;
    }
    if (i == fds_.size()) fds_.emplace_back();
    what->fd = first_fd + static_cast<int>(i);
    fds_[i] = what;
    ++open_;
    return what->fd;
}

file* kernel::get(int fd) const {
    const auto i = static_cast<std::size_t>(fd - first_fd);
    return fd >= first_fd && i < fds_.size() ? fds_[i] : nullptr;
}

void kernel::replace(int fd, file* by) {
    file* const was = get(fd);
    by->fd = fd;
    by->blocks = was->blocks;
    by->watched = std::exchange(was->watched, {});
    for (watch* one : by->watched) one->of = by;
    was->fd = -1;
    fds_[static_cast<std::size_t>(fd - first_fd)] = by;
}

int kernel::close(int fd) {
    file* const one = get(fd);
    if (one == nullptr) return -EBADF;
    while (!one->watched.empty()) one->watched.back()->by->forget(fd);
    one->close();
    one->fd = -1;
    fds_[static_cast<std::size_t>(fd - first_fd)] = nullptr;
    --open_;
    return 0;
}

bool kernel::allocation_fails() {
    if (dead) return false;
    ++allocations;
    const bool fails =
        allocations == hard.allocation_fails_at ||
        (hard.allocation_fails_every != 0 && allocations % hard.allocation_fails_every == 0);
    if (!fails) return false;
    const outside ours;
    count(hardship::allocation);
    note("no memory", static_cast<std::int64_t>(allocations));
    return true;
}

// ---- the trace

void kernel::note(const char* what, std::int64_t a, std::int64_t b, std::int64_t c) {
    const auto mix = [this](std::uint64_t v) {
        hash = (hash ^ v) * 0x100000001b3u;
        hash ^= hash >> 29;
    };
    for (const char* p = what; *p != '\0'; ++p) mix(static_cast<unsigned char>(*p));
    for (const std::int64_t v : {now, a, b, c}) mix(static_cast<std::uint64_t>(v));
    if (told == 0) return;
    char line[160];
    std::snprintf(line, sizeof line, "%7lu %14.6f  %-12s %ld %ld %ld",
                  static_cast<unsigned long>(tick), static_cast<double>(now - 1000 * s) / 1e6, what,
                  static_cast<long>(a), static_cast<long>(b), static_cast<long>(c));
    say(line);
}

void kernel::mix(std::string_view bytes) {
    while (!bytes.empty()) {
        std::uint64_t word = 0;
        const std::size_t n = std::min(bytes.size(), sizeof word);
        std::memcpy(&word, bytes.data(), n);
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
        bytes.remove_prefix(n);
    }
}

void kernel::say(std::string line) {
    if (told == 0) return;
    trace.push_back(std::move(line));
    if (trace.size() > told) trace.pop_front();
}

} // namespace finpost::sim
