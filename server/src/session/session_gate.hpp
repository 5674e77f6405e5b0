#pragma once

#include "async/operation_memory.hpp"
#include "policy/wait_queue.hpp"

#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/session_view.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace finpost {

/// What the gate needs to know of a session.
class gated {
public:
    virtual exchange_deadline& deadline() noexcept = 0;
    /// The gateway drains: end now if nothing is in flight. On the session's executor.
    virtual void on_drain() = 0;
    /// The session as it is. From any thread, under the gate's lock: what it reads and can change
    /// is changed by `pass::change`.
    virtual session_view view(exchange_deadline::clock::time_point now) const noexcept = 0;

protected:
    ~gated() = default;
};

/// Keeps the sessions that are alive: counts them, wakes their deadlines with one timer for all,
/// and ends them when the gateway stops. Thread safe.
///
/// The timer sleeps until the nearest limit of any session, so a session that begins and ends in
/// time costs no timer operation; it looks at all of them when it wakes, and the more there are the
/// less often.
///
/// What is due for a session and cannot be told to it, for want of memory, is told at the next
/// look, which is soon.
class session_gate : public exchange_deadline::timer_source,
                     public std::enable_shared_from_this<session_gate> {
    struct slot;

public:
    /// A session's place in the gate, held by value as long as the session lives.
    class pass {
    public:
        pass(session_gate& gate, boost::asio::any_io_executor executor, gated& session);
        ~pass();
        pass(const pass&) = delete;
        pass& operator=(const pass&) = delete;

        /// The session's strand.
        const boost::asio::any_io_executor& executor() const noexcept;

        /// Changes what `gated::view` reads.
        template <class Change>
        void change(const Change& now) {
            const std::lock_guard lock(gate_.mutex_);
            now();
        }

    private:
        session_gate& gate_;
        std::shared_ptr<slot> slot_;
    };

    /// Keeps `wait_empty` waiting: held by whatever may still bring a session, and by a connection
    /// between its accept and its session.
    class hold {
    public:
        explicit hold(session_gate& gate);
        hold(hold&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
        hold& operator=(hold&& other) noexcept {
            std::swap(gate_, other.gate_);
            return *this;
        }
        ~hold() { release(); }
        void release() noexcept;

    private:
        session_gate* gate_;
    };

    explicit session_gate(boost::asio::any_io_executor executor);

    /// Sessions alive.
    std::size_t size() const;
    /// No session is alive, and none can come.
    bool empty() const;

    /// Every session as it is, in no order. No session waits for the whole list, and each is as it
    /// was when its turn came.
    std::vector<session_view> views() const;

    /// Asks every session, now and later ones, to end if it has nothing in flight.
    void drain();
    /// Stops every session; who enters later is stopped as well.
    void stop(reason why);
    bool stopped() const;

    /// Waits until no session is left, the time has come, `stop` is called, or it is `given_up`,
    /// which belongs to the coroutine's executor.
    boost::asio::awaitable<void> wait_empty(std::chrono::steady_clock::time_point until,
                                            exchange_deadline& given_up);

    void reschedule(exchange_deadline::clock::time_point when) override;

private:
    using clock = exchange_deadline::clock;
    enum class told : unsigned char { nothing, drain, stop };
    struct timer_handler;
    bool empty_locked() const noexcept { return slots_.empty() && holds_ == 0; }
    void left() noexcept;
    void arm(clock::time_point when);
    void wait();
    void woken() noexcept;
    void look() noexcept;
    clock::time_point tell_who_is_due(clock::time_point now);

    mutable std::mutex mutex_;                       // of all that follows
    const std::shared_ptr<operation_memory> memory_; // of the timer's wait
    boost::asio::steady_timer timer_;
    bool waiting_ = false; // the timer's handler is still to come
    std::vector<std::shared_ptr<slot>> slots_;
    std::size_t holds_ = 0;
    wait_queue emptied_;
    bool draining_ = false;
    bool stopped_ = false;
    reason stopped_why_ = reason::draining;
};

} // namespace finpost
