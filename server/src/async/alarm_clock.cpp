#include "async/alarm_clock.hpp"

#include "async/operation_memory.hpp"
#include "async/sequence.hpp"

#include "finpost/error.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr auto never_due = alarm_clock::clock::time_point::max();

} // namespace

struct alarm_clock::state : std::enable_shared_from_this<state> {
    state(const asio::any_io_executor& executor, std::function<void()> call)
        : timer(below_sequence(executor)), ring(std::move(call)) {}

    // Under the mutex. One wait is under way at the most: there is memory for one.
    bool set(clock::time_point when) noexcept;
    bool wait() noexcept;
    bool come_back() noexcept;
    void over();

    std::mutex mutex;
    operation_memory memory;
    asio::steady_timer timer;
    const std::function<void()> ring;
    clock::time_point due = never_due;
    bool waiting = false; // the handler is still to come
};

struct alarm_clock::handler {
    using allocator_type = operation_allocator<>;
    allocator_type get_allocator() const noexcept { return allocator_type(of->memory); }
    void operator()(error_code = {}) const { of->over(); }

    const std::shared_ptr<state> of; // const: what was moved from still finds its memory
};

bool alarm_clock::state::set(clock::time_point when) noexcept {
    due = when;
    if (!waiting) return due == never_due || wait();
    timer.cancel(); // the handler comes at once, and waits for the new time
    return true;
}

bool alarm_clock::state::wait() noexcept {
    waiting = true;
    try {
        timer.expires_at(due);
        timer.async_wait(handler{shared_from_this()});
    } catch (...) {
        waiting = come_back();
        if (!waiting) due = never_due;
    }
    return waiting;
}

// The list of timers could not grow. Behind whatever else is ready it is tried again, until it is
// time to ring.
bool alarm_clock::state::come_back() noexcept {
    try {
        const auto executor = timer.get_executor();
        const auto* const loop = executor.target<asio::io_context::executor_type>();
        if (loop != nullptr) asio::post(*loop, handler{shared_from_this()});
        return loop != nullptr;
    } catch (...) {
        return false;
    }
}

void alarm_clock::state::over() {
    {
        const std::lock_guard lock(mutex);
        waiting = false;
        if (due == never_due) return;
        if (due > clock::now() && wait()) return;
        due = never_due;
    }
    ring(); // too early rather than never
}

alarm_clock::alarm_clock(const asio::any_io_executor& executor, std::function<void()> ring)
    : state_(std::make_shared<state>(executor, std::move(ring))) {}

alarm_clock::~alarm_clock() { clear(); }

bool alarm_clock::set(clock::time_point when) noexcept {
    const std::lock_guard lock(state_->mutex);
    return state_->set(when);
}

bool alarm_clock::set_earlier(clock::time_point when) noexcept {
    const std::lock_guard lock(state_->mutex);
    return when >= state_->due || state_->set(when);
}

void alarm_clock::clear() noexcept {
    const std::lock_guard lock(state_->mutex);
    state_->set(never_due);
}

} // namespace finpost::detail
