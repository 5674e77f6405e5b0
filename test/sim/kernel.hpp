// A simulated kernel: descriptors, time and what happens next, from a seed and in virtual time. It
// knows nothing of finpost. While `kernel::current` points to one, the system calls of this program
// are answered by it (syscalls.cpp).
//
// The program that is tested is one process in it. Scripts (script.hpp) live inside and use the
// same sockets.
#pragma once

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace finpost::sim {

using nanos = std::int64_t;
constexpr nanos us = 1'000, ms = 1'000'000, s = 1'000'000'000;

/// SplitMix64: small, fast, and the same everywhere.
class rng {
public:
    explicit rng(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        if (!tape.empty()) return from_tape();
        return mixed(state_ += 0x9e3779b97f4a7c15u);
    }
    /// Below `n`; 0 when `n` is 0.
    std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
    /// From `a` to `b`, both included.
    nanos between(nanos a, nanos b) {
        return a + static_cast<nanos>(below(static_cast<std::uint64_t>(b - a + 1)));
    }
    bool chance(double p) { return p > 0 && static_cast<double>(next() >> 11) * 0x1.0p-53 < p; }

    /// Bytes in place of what the seeds give, for as long as there are any: a fuzzer's.
    static inline std::span<const std::uint8_t> tape;

private:
    static std::uint64_t mixed(std::uint64_t z) {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    static std::uint64_t from_tape() {
        std::uint64_t drawn = tape[0];
        if (tape.size() > 1) drawn |= static_cast<std::uint64_t>(tape[1]) << 8;
        tape = tape.subspan(std::min<std::size_t>(2, tape.size()));
        return mixed((drawn + 1) * 0x9e3779b97f4a7c15u);
    }

    std::uint64_t state_;
};

/// What can go wrong by itself, each counted when it does.
enum class hardship {
    late,
    small,
    short_write,
    no_space,
    lost_syn,
    unanswered,
    stall,
    accept_fails,
    socket_fails,
    descriptors,
    disk_full,
    short_disk_write,
    disk_error,
    no_file,
    short_disk_read,
    disk_read_error,
    allocation,
    killed,
    count
};
std::string_view name_of(hardship what);
using hardship_counts = std::array<std::uint64_t, static_cast<std::size_t>(hardship::count)>;

/// How often it goes wrong: probabilities. All zero: a perfect machine.
struct hardships {
    nanos fastest = 20 * us, slowest = 60 * us; ///< of a segment on its way
    double late = 0;                            ///< a segment takes up to 300 ms
    double small = 0;                           ///< a segment is cut to a few bytes
    double short_write = 0;  ///< memory is short: a send takes less than would fit
    double no_space = 0;     ///< a send finds no room now, and some a little later
    double lost_syn = 0;     ///< a SYN is lost; it is sent again after 1 s, 3 s, 7 s
    double unanswered = 0;   ///< a SYN of the program is lost for good
    double stall = 0;        ///< the program does not run for up to 50 ms
    double accept_fails = 0; ///< EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPROTO
    double socket_fails = 0; ///< EMFILE, ENOBUFS from socket(), ENOBUFS from connect()
    double disk_full = 0;    ///< pwrite says ENOSPC
    double short_disk = 0;   ///< pwrite takes less than it was given
    double disk_error = 0;   ///< pwrite says EIO
    double read_error = 0;   ///< pread or sendfile says EIO
    double no_file = 0;      ///< a file cannot be made: ENOSPC, EIO, EMFILE
    double short_read = 0;   ///< pread or sendfile gives less than there is
    std::size_t send_buffer = 64 << 10, receive_buffer = 64 << 10;
    std::uint64_t allocation_fails_at = 0; ///< this `new` of the program finds no memory; 0: none
    std::uint64_t allocation_fails_every = 0; ///< and each so-manyth
    std::uint64_t dies_at = 0;                ///< SIGKILL at this tick (see kernel::tick); 0: never
};

class kernel;
struct watch;

/// What a descriptor stands for.
struct file {
    explicit file(kernel& where) : k(where) {}
    virtual ~file() = default;
    virtual unsigned ready() const { return 0; } ///< EPOLLIN ... as poll would say
    virtual void close() {}
    virtual bool can_be_watched() const { return true; } ///< by an epoll
    /// Something has happened: epoll looks at it again, and a script that waits goes on.
    void wake();

    kernel& k;
    int fd = -1; // of the program, while it has one
    std::vector<watch*> watched;
    std::coroutine_handle<> waiting;
    bool resuming = false;
    bool blocks = true; ///< without O_NONBLOCK: a call that would wait is a fault of the program
};

class kernel {
public:
    static inline kernel* current = nullptr;
    static constexpr int first_fd = 1000; ///< smaller ones are the real kernel's

    explicit kernel(std::uint64_t from);
    ~kernel();
    kernel(const kernel&) = delete;
    kernel& operator=(const kernel&) = delete;

    // ---- what was drawn
    const std::uint64_t seed;
    rng dice;       ///< of the machine; each connection has its own
    rng randomness; ///< what the program gets as random
    hardships hard;
    hardship_counts hits{};
    bool happens(hardship what, double p, rng& by); ///< counted
    void count(hardship what) { ++hits[static_cast<std::size_t>(what)]; }

    // ---- time
    nanos now = 1'000 * s;
    nanos end_of_time = now + 3'600 * s; ///< whoever still waits then waits for ever
    std::uint64_t most_ticks = 20'000'000;
    void at(nanos when, std::function<void()> what);
    void resume_at(nanos when, std::coroutine_handle<> who);
    /// Something that the program itself does, as from its own event loop: when its next epoll_wait
    /// returns.
    void host_at(nanos when, std::function<void()> what);
    void host_at_tick(std::uint64_t when, std::function<void()> what);
    bool step(nanos until); ///< whether something was due until then, which has happened now
    /// A system call begins: a little time passes, and the network goes on.
    void enter(const char* call, std::int64_t a = 0, std::int64_t b = 0);
    /// Counts calls and events: each is a moment at which the process can be killed or told
    /// something.
    std::uint64_t tick = 0, calls = 0, events = 0;

    // ---- the process
    bool dead = false;
    void die(); ///< SIGKILL: what it had open is closed, and nothing that it does has an effect
                ///< from now on
    std::function<void()> on_death;
    bool stuck = false; ///< nothing will ever happen again, or it does not end
    std::function<void()> on_stuck;
    std::function<void()> on_call; ///< called at each of the program's calls
    std::function<void()> on_wait; ///< called whenever the program waits for events
    std::deque<std::function<void()>> host;
    std::uint64_t host_calls = 0; ///< of those
    std::size_t most_fds = 1 << 20;

    int open(file* what); ///< -EMFILE
    /// Lives as long as this kernel.
    template <class T>
    T* make() {
        auto one = std::make_unique<T>(*this);
        T* const out = one.get();
        all_.push_back(std::move(one));
        return out;
    }
    file* get(int fd) const;
    template <class T>
    T* as(int fd) const {
        return dynamic_cast<T*>(get(fd));
    }
    void replace(int fd, file* by); ///< the descriptor stays
    int close(int fd);
    std::size_t open_fds() const { return open_; }
    /// A failing `new`, as `hard` says: called by the operator while the program runs, and by
    /// nobody else.
    bool allocation_fails();
    std::uint64_t allocations = 0;

    // ---- the trace: all of it in a hash, and in words when asked for
    void note(const char* what, std::int64_t a = 0, std::int64_t b = 0, std::int64_t c = 0);
    void say(std::string line);       ///< in words only
    void mix(std::string_view bytes); ///< into the hash only
    std::uint64_t hash = 0xcbf29ce484222325u;
    std::size_t told = 0; ///< lines kept for `trace`, the newest; 0: none
    std::deque<std::string> trace;

    std::set<void*> frames; // of scripts that have not ended

private:
    struct event {
        nanos when;
        std::uint64_t order;
        std::function<void()> what;
        std::coroutine_handle<> who;
        bool operator<(const event& o) const {
            return when != o.when ? when > o.when : order > o.order;
        }
    };
    void count_tick();

    std::vector<event> future_; // a heap
    std::uint64_t order_ = 0;
    std::vector<std::pair<std::uint64_t, std::function<void()>>> at_ticks_;
    std::vector<file*> fds_;
    std::size_t open_ = 0;
    std::vector<std::unique_ptr<file>> all_;
};

/// While one lives, the simulation runs and not the program: its memory is not the program's.
class outside {
public:
    outside() noexcept : was_(std::exchange(inside, false)) {}
    ~outside() { inside = was_; }
    outside(const outside&) = delete;
    outside& operator=(const outside&) = delete;
    static inline bool inside = false; ///< the program runs

private:
    bool was_;
};

/// The opposite: the program runs.
class within {
public:
    within() noexcept : was_(std::exchange(outside::inside, true)) {}
    ~within() { outside::inside = was_; }
    within(const within&) = delete;
    within& operator=(const within&) = delete;

private:
    bool was_;
};

} // namespace finpost::sim
