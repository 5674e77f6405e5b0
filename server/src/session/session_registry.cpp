#include "session/session_registry.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr std::chrono::milliseconds look_again{20}; // when there was no memory to tell somebody

} // namespace

struct session_registry::slot {
    slot(asio::any_io_executor e, registered& s) : executor(std::move(e)), session(&s) {}
    asio::any_io_executor executor;
    registered*
        session; // null when the session has ended; written on its executor, under the mutex
    std::size_t index = 0;         // in slots_
    notice last = notice::nothing; // under the mutex
};

// Its memory is there beforehand, and it keeps that for as long as Asio does.
struct session_registry::timer_handler {
    using allocator_type = operation_allocator<>;
    allocator_type get_allocator() const noexcept { return allocator_type(*memory); }
    void operator()(error_code) const {
        if (const auto self = registry.lock()) self->woken();
    }

    std::weak_ptr<session_registry> registry;
    const std::shared_ptr<operation_memory> memory; // const: what was moved from still finds it
};

session_registry::registration::registration(session_registry& registry,
                                             asio::any_io_executor executor, registered& session)
    : registry_(registry), slot_(std::make_shared<slot>(std::move(executor), session)) {
    bool stopped = false;
    bool draining = false;
    {
        const std::lock_guard lock(registry_.mutex_);
        slot_->index = registry_.slots_.size();
        registry_.slots_.push_back(slot_);
        stopped = registry_.stopped_;
        draining = registry_.draining_;
        slot_->last = stopped ? notice::stop : draining ? notice::drain : notice::nothing;
    }
    if (stopped)
        session.deadline().stop(reason::draining);
    else if (draining)
        session.on_drain();
}

const asio::any_io_executor& session_registry::registration::executor() const noexcept {
    return slot_->executor;
}

session_registry::registration::~registration() {
    const std::lock_guard lock(registry_.mutex_);
    slot_->session = nullptr;
    auto& slots = registry_.slots_;
    slots[slot_->index] = slots.back();
    slots[slot_->index]->index = slot_->index;
    slots.pop_back();
    registry_.left();
}

session_registry::keep_alive::keep_alive(session_registry& registry) : registry_(&registry) {
    const std::lock_guard lock(registry.mutex_);
    ++registry.keep_alives_;
}

void session_registry::keep_alive::release() noexcept {
    if (registry_ == nullptr) return;
    const std::lock_guard lock(registry_->mutex_);
    --registry_->keep_alives_;
    registry_->left();
    registry_ = nullptr;
}

// Under the mutex: somebody has left. When nobody is left to look at, a timer would only keep the
// host's `run` from returning.
void session_registry::left() noexcept {
    if (!empty_locked()) return;
    emptied_.wake_all();
    if (stopped_) timer_.cancel();
}

session_registry::session_registry(asio::any_io_executor executor)
    : memory_(std::make_shared<operation_memory>()), timer_(std::move(executor)) {}

std::size_t session_registry::size() const {
    const std::lock_guard lock(mutex_);
    return slots_.size();
}

bool session_registry::empty() const {
    const std::lock_guard lock(mutex_);
    return empty_locked();
}

bool session_registry::stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
}

std::vector<session_view> session_registry::views() const {
    constexpr std::size_t at_once =
        64; // who begins or ends meanwhile waits for so many, not for all
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

void session_registry::drain() {
    {
        const std::lock_guard lock(mutex_);
        draining_ = true;
    }
    look();
}

void session_registry::stop(reason why) {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        stopped_why_ = why;
        emptied_.wake_all();
        if (empty_locked()) timer_.cancel();
    }
    look();
}

asio::awaitable<void> session_registry::wait_empty(clock::time_point until,
                                                   exchange_deadline& given_up) {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    std::shared_ptr<waiter> ticket;
    {
        const std::lock_guard lock(mutex_);
        if (empty_locked()) co_return;
        ticket = emptied_.join(executor);
    }
    co_await ticket->wait(given_up, until);
    const std::lock_guard lock(mutex_);
    emptied_.leave(ticket);
}

void session_registry::reschedule(clock::time_point when) {
    const std::lock_guard lock(mutex_);
    if (when.time_since_epoch().count() < next_check.load()) arm(when);
}

// Under the mutex, as `wait`. One wait is under way at the most: there is memory for one.
void session_registry::arm(clock::time_point when) {
    if (stopped_ && empty_locked()) return;
    next_check.store(when.time_since_epoch().count());
    if (waiting_)
        timer_.cancel(); // its handler comes at once, and waits for the new time
    else
        wait();
}

void session_registry::wait() {
    waiting_ = true;
    try {
        timer_.expires_at(clock::time_point(exchange_deadline::duration(next_check.load())));
        timer_.async_wait(timer_handler{weak_from_this(), memory_});
    } catch (...) {
        waiting_ = false;
        next_check.store(
            exchange_deadline::duration::max().count()); // the next who has a limit tries again
        throw;
    }
}

void session_registry::woken() noexcept {
    {
        const std::lock_guard lock(mutex_);
        waiting_ = false;
        if (stopped_ && empty_locked()) return;
        const clock::time_point next{exchange_deadline::duration(next_check.load())};
        if (next > clock::now()) {
            try {
                return wait();
            } catch (...) {
                // The look that follows arms again.
            }
        }
    }
    look();
}

void session_registry::look() noexcept {
    // A limit that is set from here on is either seen below or told to `reschedule`:
    // exchange_deadline::reschedule says why none is missed.
    next_check.store(exchange_deadline::duration::max().count());
    const auto now = clock::now();
    auto next = now + look_again;
    try {
        next = tell_who_is_due(now);
    } catch (...) {
        // No memory: whoever was not told yet still is due.
    }
    if (next == clock::time_point::max()) return;
    try {
        const std::lock_guard lock(mutex_);
        if (next.time_since_epoch().count() < next_check.load()) arm(next);
    } catch (...) {
        // As in `wait`.
    }
}

// When to look again.
session_registry::clock::time_point session_registry::tell_who_is_due(clock::time_point now) {
    auto nearest = clock::time_point::max();
    std::vector<std::shared_ptr<slot>> due, drained, stopped;
    std::size_t alive = 0;
    reason why = reason::draining;
    {
        const std::lock_guard lock(mutex_);
        why = stopped_why_;
        const notice wanted = stopped_ ? notice::stop : draining_ ? notice::drain : notice::nothing;
        alive = slots_.size();
        for (const auto& entry : slots_) {
            const auto when = entry->session->deadline().when();
            if (when <= now)
                due.push_back(entry);
            else
                nearest = std::min(nearest, when);
            if (entry->last < wanted) (stopped_ ? stopped : drained).push_back(entry);
        }
    }
    const auto tell = [this](const std::shared_ptr<slot>& entry, notice what, auto call) {
        asio::post(entry->executor, [entry, call] {
            if (entry->session != nullptr) call(*entry->session);
        });
        const std::lock_guard lock(mutex_);
        entry->last = std::max(entry->last, what);
    };
    for (const auto& entry : drained)
        tell(entry, notice::drain, [](registered& session) { session.on_drain(); });
    for (const auto& entry : stopped)
        tell(entry, notice::stop, [why](registered& session) { session.deadline().stop(why); });
    for (const auto& entry : due)
        tell(entry, notice::nothing,
             [now](registered& session) { session.deadline().expire(now); });
    if (nearest == clock::time_point::max()) return nearest;
    // 10 us of pause for each session keeps the looks of ten thousand below one percent of a core.
    const auto pause = std::chrono::microseconds(10) * static_cast<std::int64_t>(alive);
    return std::max(nearest, now + pause);
}

} // namespace finpost::detail
