#include "session_gate.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

struct session_gate::slot {
    slot(asio::any_io_executor e, gated& s) : executor(std::move(e)), session(&s) {}
    asio::any_io_executor executor;
    gated* session;    // null when the session has ended; written on its executor, under the mutex
    std::size_t index = 0; // in slots_
};

session_gate::pass::pass(session_gate& gate, asio::any_io_executor executor, gated& session)
    : gate_(gate), slot_(std::make_shared<slot>(std::move(executor), session)) {
    bool stopped = false;
    bool draining = false;
    {
        const std::lock_guard lock(gate_.mutex_);
        slot_->index = gate_.slots_.size();
        gate_.slots_.push_back(slot_);
        stopped = gate_.stopped_;
        draining = gate_.draining_;
    }
    if (stopped) session.dog().stop(reason::draining);
    else if (draining) session.on_drain();
}

const asio::any_io_executor& session_gate::pass::executor() const noexcept {
    return slot_->executor;
}

session_gate::pass::~pass() {
    const std::lock_guard lock(gate_.mutex_);
    slot_->session = nullptr;
    auto& slots = gate_.slots_;
    slots[slot_->index] = slots.back();
    slots[slot_->index]->index = slot_->index;
    slots.pop_back();
    gate_.left();
}

session_gate::hold::hold(session_gate& gate) : gate_(&gate) {
    const std::lock_guard lock(gate.mutex_);
    ++gate.holds_;
}

void session_gate::hold::release() noexcept {
    if (gate_ == nullptr) return;
    const std::lock_guard lock(gate_->mutex_);
    --gate_->holds_;
    gate_->left();
    gate_ = nullptr;
}

// Under the mutex: somebody has left.
void session_gate::left() {
    if (!empty_locked()) return;
    emptied_.wake_all();
    if (stopped_) rest();
}

session_gate::session_gate(asio::any_io_executor executor)
    : strand_(asio::make_strand(std::move(executor))), timer_(strand_) {}

std::size_t session_gate::size() const {
    const std::lock_guard lock(mutex_);
    return slots_.size();
}

bool session_gate::empty() const {
    const std::lock_guard lock(mutex_);
    return empty_locked();
}

bool session_gate::stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
}

std::vector<session_view> session_gate::views() const {
    constexpr std::size_t at_once = 64; // who begins or ends meanwhile waits for so many, not for all
    std::vector<std::shared_ptr<slot>> all;
    {
        const std::lock_guard lock(mutex_);
        all = slots_;
    }
    std::vector<session_view> out;
    out.reserve(all.size());
    const auto now = clock::now();
    for (std::size_t i = 0; i < all.size();) {
        const std::lock_guard lock(mutex_);
        for (const std::size_t end = std::min(i + at_once, all.size()); i < end; ++i)
            if (all[i]->session != nullptr) out.push_back(all[i]->session->view(now));
    }
    return out;
}

void session_gate::for_each(const std::function<void(gated&)>& call) {
    std::vector<std::shared_ptr<slot>> all;
    {
        const std::lock_guard lock(mutex_);
        all = slots_;
    }
    for (const auto& one : all) {
        asio::post(one->executor, [one, call] {
            if (one->session != nullptr) call(*one->session);
        });
    }
}

void session_gate::drain() {
    {
        const std::lock_guard lock(mutex_);
        draining_ = true;
    }
    for_each([](gated& session) { session.on_drain(); });
}

void session_gate::stop(reason why) {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        emptied_.wake_all();
        if (empty_locked()) rest();
    }
    for_each([why](gated& session) { session.dog().stop(why); });
}

asio::awaitable<void> session_gate::wait_empty(asio::any_io_executor strand,
                                               clock::time_point until, watchdog& given_up) {
    std::shared_ptr<waiter> turn;
    // The waiter belongs to the strand, and so must be waited for there.
    co_await asio::post(asio::bind_executor(strand, asio::use_awaitable));
    {
        const std::lock_guard lock(mutex_);
        if (empty_locked()) co_return;
        turn = emptied_.join(strand);
    }
    co_await turn->wait(given_up, until);
    const std::lock_guard lock(mutex_);
    emptied_.leave(turn);
}

void session_gate::look_earlier(clock::time_point when) {
    asio::post(strand_, [weak = weak_from_this(), when] {
        const auto self = weak.lock();
        if (self && when.time_since_epoch().count() < self->next_look.load()) self->arm(when);
    });
}

// Nobody is left to look at: a timer would only keep the host's `run` from returning.
void session_gate::rest() {
    asio::post(strand_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self) self->timer_.cancel();
    });
}

void session_gate::arm(clock::time_point when) {
    if (stopped() && empty()) return;
    next_look.store(when.time_since_epoch().count());
    timer_.expires_at(when); // cancels an earlier wait
    timer_.async_wait(asio::bind_executor(strand_, [weak = weak_from_this()](error_code ec) {
        const auto self = weak.lock();
        if (self && !ec) self->look();
    }));
}

void session_gate::look() {
    // Nobody is told that an earlier look is coming while this one is under way: see watchdog::watch.
    next_look.store(watchdog::span::max().count());
    const auto now = clock::now();
    auto nearest = clock::time_point::max();
    std::vector<std::shared_ptr<slot>> due;
    std::size_t alive = 0;
    {
        const std::lock_guard lock(mutex_);
        alive = slots_.size();
        for (const auto& one : slots_) {
            const auto when = one->session->dog().when();
            if (when <= now) due.push_back(one);
            else nearest = std::min(nearest, when);
        }
    }
    for (const auto& one : due) {
        asio::post(one->executor, [one, now] {
            if (one->session != nullptr) one->session->dog().expire(now);
        });
    }
    if (nearest == clock::time_point::max()) return;
    // 10 us of pause for each session keeps the looks of ten thousand below one percent of a core.
    const auto pause = std::chrono::microseconds(10) * static_cast<std::int64_t>(alive);
    const auto next = std::max(nearest, now + pause);
    if (next.time_since_epoch().count() < next_look.load()) arm(next);
}

} // namespace finpost
