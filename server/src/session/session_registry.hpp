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

namespace finpost::detail {

/// What the registry needs to know of a session.
class registered {
public:
    virtual exchange_deadline& deadline() noexcept = 0;
    /// The gateway drains: end now if nothing is in flight. On the session's executor.
    virtual void on_drain() = 0;
    /// The session as it is. From any thread, under the registry's lock: what it reads and can
    /// change is changed by `registration::change`.
    virtual session_view view(exchange_deadline::clock::time_point now) const noexcept = 0;

protected:
    ~registered() = default;
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
class session_registry : public exchange_deadline::timer_source,
                         public std::enable_shared_from_this<session_registry> {
    struct slot;

public:
    /// A session's place in the registry, held by value as long as the session lives.
    class registration {
    public:
        registration(session_registry& registry, boost::asio::any_io_executor executor,
                     registered& session);
        ~registration();
        registration(const registration&) = delete;
        registration& operator=(const registration&) = delete;

        /// The session's strand.
        const boost::asio::any_io_executor& executor() const noexcept;

        /// Changes what `registered::view` reads.
        template <class Change>
        void change(const Change& now) {
            const std::lock_guard lock(registry_.mutex_);
            now();
        }

    private:
        session_registry& registry_;
        std::shared_ptr<slot> slot_;
    };

    /// Keeps `wait_empty` waiting: held by whatever may still bring a session, and by a connection
    /// between its accept and its session.
    class keep_alive {
    public:
        explicit keep_alive(session_registry& registry);
        keep_alive(keep_alive&& other) noexcept
            : registry_(std::exchange(other.registry_, nullptr)) {}
        keep_alive& operator=(keep_alive&& other) noexcept {
            std::swap(registry_, other.registry_);
            return *this;
        }
        ~keep_alive() { release(); }
        void release() noexcept;

    private:
        session_registry* registry_;
    };

    explicit session_registry(boost::asio::any_io_executor executor);

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
    enum class notice : unsigned char { nothing, drain, stop };
    struct timer_handler;
    bool empty_locked() const noexcept { return slots_.empty() && keep_alives_ == 0; }
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
    std::size_t keep_alives_ = 0;
    wait_queue emptied_;
    bool draining_ = false;
    bool stopped_ = false;
    reason stopped_why_ = reason::draining;
};

} // namespace finpost::detail
