#include "load_engine.hpp"

#include "load_socket.hpp"

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

namespace finpost {

namespace {

using namespace std::chrono_literals;
using clock = load_engine::clock;

constexpr std::size_t growth =
    256;                     // a turn: many clients arrive as a swarm and not as one SYN flood
constexpr auto look = 100ms; // at timeouts and at the interruption
constexpr auto look_with_slow = 4ms;
constexpr auto pause_after_failure = 10ms;
constexpr auto stall = 20s;
constexpr auto late = 100ms;

std::chrono::microseconds own_cpu() noexcept {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto micro = [](const timeval& t) {
        return std::chrono::microseconds(std::int64_t{t.tv_sec} * 1'000'000 + t.tv_usec);
    };
    return micro(used.ru_utime) + micro(used.ru_stime);
}

// Finer than the milliseconds of epoll_wait where the kernel can: an open loop keeps its schedule.
int wait_for_events(int epoll, std::span<epoll_event> events, clock::duration limit) noexcept {
    const auto nanoseconds = std::max<std::int64_t>(0, std::chrono::nanoseconds(limit).count());
    const timespec time{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    const int room = static_cast<int>(events.size());
    const int n = ::epoll_pwait2(epoll, events.data(), room, &time, nullptr);
    if (n >= 0 || errno != ENOSYS) return n;
    return ::epoll_wait(epoll, events.data(), room, static_cast<int>(nanoseconds / 1'000'000));
}

} // namespace

std::uint64_t load_result::failed() const noexcept {
    return std::accumulate(outcomes.begin() + 1, outcomes.end(), std::uint64_t{0});
}

load_engine::load_engine(const load_plan& plan, const socket_address& target,
                         const std::atomic<bool>& interrupted)
    : plan_(plan), target_(target), interrupted_(interrupted),
      payloads_(static_cast<std::size_t>(plan.size)), slow_(target, plan.slow),
      slots_(plan.connections), free_(plan.connections), scratch_(256 << 10),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    std::iota(free_.rbegin(), free_.rend(), std::size_t{0});
    if (plan.frame.type == frame_spec::kind::eof) return;
    frame_.emplace(plan.frame, payloads_);
    replies_.resize(slots_.size());
    for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].use(*frame_, replies_[i]);
}

load_engine::~load_engine() { ::close(epoll_); }

load_result load_engine::run(const std::function<void(std::size_t)>& slow_in_place) {
    if (!slow_.none()) {
        slow_.open(interrupted_);
        slow_in_place(slow_.opened());
    }
    const auto cpu_before = own_cpu();
    began_ = last_end_ = last_success_ = clock::now();
    run_exchanges();
    result_.elapsed = last_end_ - began_;
    result_.cpu = own_cpu() - cpu_before;
    result_.interrupted = interrupted_;
    count_unsent();
    if (!slow_.none()) result_.slow = slow_.finish(interrupted_, plan_.verify, 10s);
    return result_;
}

void load_engine::run_exchanges() {
    const auto patience = std::max<clock::duration>(stall, plan_.timeout) + 1s;
    while (!interrupted_) {
        start_due();
        const auto now = clock::now();
        if (free_.size() == slots_.size() && !starting(now)) break;
        if (!slots_.empty() && now - last_success_ > patience) {
            result_.stalled = true;
            break;
        }
        wait();
        if (!slow_.none()) slow_.drip(clock::now());
    }
    for (load_exchange& each : slots_) {
        if (each.running()) ++result_.unfinished;
        each.close();
    }
}

bool load_engine::all_started() const noexcept {
    return plan_.requests > 0 && started_ >= plan_.requests;
}

bool load_engine::starting(clock::time_point now) const noexcept {
    const auto end = began_ + plan_.length;
    if (all_started()) return false;
    if (plan_.rate == 0) return now < end;
    // An exchange that was due before the end is started, even if a little late.
    return arrival(started_) < end && now < end + late;
}

// When exchange number `n` is due. In an open loop that is a fixed schedule, and its latency counts
// from there even when it had to wait for a free connection: a stall is then seen by everyone who
// would have come meanwhile, and not by the few who were connected (coordinated omission).
clock::time_point load_engine::arrival(std::uint64_t n) const noexcept {
    if (plan_.rate == 0) return not_before_;
    const double seconds = static_cast<double>(n) / static_cast<double>(plan_.rate);
    const std::chrono::duration<double> offset(seconds);
    return began_ + std::chrono::duration_cast<clock::duration>(offset);
}

void load_engine::start_due() {
    // What has ended is replaced at once, or the number in flight would settle where replies come
    // as fast as new exchanges are started.
    const std::size_t most = std::exchange(ended_, 0) + growth;
    for (std::size_t i = 0; i < most && !free_.empty(); ++i) {
        const auto now = clock::now();
        const auto due = arrival(started_);
        if (!starting(now) || now < due || now < not_before_) return;
        const std::size_t slot = free_.back();
        free_.pop_back();
        start_one(slot, plan_.rate > 0 ? due : now, now);
    }
}

void load_engine::start_one(std::size_t slot, clock::time_point since, clock::time_point now) {
    load_exchange& exchange = slots_[slot];
    exchange.begin(payloads_, started_++, since, now);
    if (exchange.fd() < 0) return connect(slot);
    if (!exchange.send(payloads_)) return;
    // It has ended meanwhile, and what there is to read says how.
    if (const auto how = exchange.advance(payloads_, scratch_, false, plan_.verify))
        settle(slot, *how);
}

void load_engine::connect(std::size_t slot) {
    load_exchange& exchange = slots_[slot];
    const int fd = connect_from_many(target_, connects_++);
    if (fd < 0) {
        const bool peers = errno == ECONNREFUSED || errno == ENETUNREACH || errno == EHOSTUNREACH;
        return end(slot, peers ? load_outcome::not_connected : load_outcome::no_resources);
    }
    ++result_.connections;
    if (const auto ended = exchange.connect(fd, payloads_)) return end(slot, *ended);
    // Registered after the first attempt, when it is known what to wait for, and only once.
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
    if (exchange.may_wait_to_send()) event.events |= EPOLLOUT;
    event.data.u64 = slot;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) end(slot, load_outcome::no_resources);
}

// A gateway ends a connection between two frames when it has had enough of it, and the next one may
// be on its way by then: nobody has failed. On a new connection that cannot be the reason.
void load_engine::settle(std::size_t slot, load_outcome how) {
    if (how != load_outcome::cut_short || !slots_[slot].ended_between()) return end(slot, how);
    ++result_.resent;
    slots_[slot].begin_again();
    connect(slot);
}

void load_engine::end(std::size_t slot, load_outcome how) {
    load_exchange& exchange = slots_[slot];
    last_end_ = clock::now();
    ++ended_;
    ++result_.outcomes[static_cast<std::size_t>(how)];
    if (how == load_outcome::ok) {
        result_.latency.record(last_end_ - exchange.since());
        last_success_ = last_end_;
    } else if (how == load_outcome::refused) {
        ++result_.refusals[static_cast<std::size_t>(exchange.why()) - 1];
    } else if (how == load_outcome::not_connected || how == load_outcome::no_resources) {
        not_before_ =
            last_end_ + pause_after_failure; // failing at once must not become a busy loop
    }
    if (how == load_outcome::not_connected && exchange.fd() >= 0) --result_.connections;
    exchange.end(plan_.per_connection);
    free_.push_back(slot);
}

void load_engine::wait() {
    auto until = clock::now() + (slow_.none() ? clock::duration(look) : look_with_slow);
    if (!free_.empty() && starting(clock::now()))
        until = std::min(until, std::max(arrival(started_), not_before_));
    std::array<epoll_event, 256> events;
    const int n = wait_for_events(epoll_, events, until - clock::now());
    for (int i = 0; i < n; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const auto slot = static_cast<std::size_t>(event.data.u64);
        const bool ended = (event.events & EPOLLRDHUP) != 0;
        load_exchange& exchange = slots_[slot];
        if (!exchange.running()) { // between two frames
            if (ended) exchange.close();
            continue;
        }
        if (const auto how = exchange.advance(payloads_, scratch_, ended, plan_.verify))
            settle(slot, *how);
    }
    expire(clock::now());
}

void load_engine::expire(clock::time_point now) {
    if (now < next_expiry_) return;
    next_expiry_ = now + std::min<clock::duration>(look, plan_.timeout / 4);
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
        const load_exchange& exchange = slots_[slot];
        if (!exchange.running() || now < exchange.started() + plan_.timeout) continue;
        end(slot, exchange.connected() ? load_outcome::timed_out : load_outcome::not_connected);
    }
}

void load_engine::count_unsent() {
    if (plan_.rate == 0) return;
    const auto ran = std::min<clock::duration>(clock::now() - began_, plan_.length);
    const double due = std::chrono::duration<double>(ran).count() * static_cast<double>(plan_.rate);
    auto arrivals = static_cast<std::uint64_t>(due);
    if (plan_.requests > 0) arrivals = std::min(arrivals, plan_.requests);
    result_.unsent = arrivals > started_ ? arrivals - started_ : 0;
}

} // namespace finpost
