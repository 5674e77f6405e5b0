#pragma once

#include "finpost/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace finpost {
class exchange_deadline;
}

namespace finpost::detail {

/// Something a coroutine waits for that another thread makes happen. Held by shared_ptr: whoever
/// wakes it may do so after the waiting has been given up.
class waiter {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `executor` is where it is waited for.
    explicit waiter(const boost::asio::any_io_executor& executor);

    /// From any thread, at any time, more than once. Takes no memory: whoever gives something back
    /// must not fail.
    void wake() noexcept;

    /// Waits until `wake`, until `until`, or until the exchange_deadline ends the exchange,
    /// whichever is first; looks at `woken()` and the exchange_deadline's `error()` tell which. One
    /// wait at a time.
    boost::asio::awaitable<void> wait(exchange_deadline& deadline,
                                      time_point until = time_point::max());
    /// The same without a deadline: `ended` is the completion handler of a timer's wait.
    template <class Handler>
    void async_wait(time_point until, Handler&& ended) {
        const std::lock_guard lock(mutex_);
        timer_.expires_at(woken_ ? time_point::min() : until);
        timer_.async_wait(std::forward<Handler>(ended));
    }

    bool woken() const noexcept { return woken_; }

private:
    void interrupt() noexcept;

    std::mutex mutex_; // of the timer, which is cancelled from any thread
    boost::asio::steady_timer timer_;
    std::atomic<bool> woken_{false};
};

/// A queue of waits for a resource, first come first served. Not thread safe: the resource's lock
/// guards it, so that nothing is released between "there is none" and "then I wait".
class wait_queue {
public:
    std::shared_ptr<waiter> join(boost::asio::any_io_executor executor);
    /// Whether it was still in the queue; if not, it has been woken.
    bool leave(const std::shared_ptr<waiter>& who);
    void wake_one() noexcept;
    void wake_all() noexcept;
    std::size_t size() const noexcept { return waiting_.size(); }

private:
    std::deque<std::shared_ptr<waiter>> waiting_;
};

} // namespace finpost::detail
