#pragma once

#include "finpost/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <memory>

namespace finpost {

class watchdog;

/// Something a coroutine waits for that another thread makes happen. Held by shared_ptr: whoever wakes
/// it may do so after the waiting has been given up.
class waiter : public std::enable_shared_from_this<waiter> {
public:
    /// `executor` is the waiting coroutine's, and a strand when several threads run it.
    explicit waiter(boost::asio::any_io_executor executor);

    /// From any thread, at any time, more than once.
    void wake();

    /// Waits until `wake`, until `until`, or until the watchdog ends the exchange, whichever is first;
    /// looks at `woken()` and the watchdog's `error()` tell which.
    boost::asio::awaitable<void> wait(watchdog& dog, std::chrono::steady_clock::time_point until =
                                                         std::chrono::steady_clock::time_point::max());

    /// On the executor only.
    bool woken() const noexcept { return woken_; }

private:
    boost::asio::steady_timer timer_;
    bool woken_ = false;
};

/// Who waits for a resource, first come first served. Not thread safe: the resource's lock guards it, so
/// that nothing is released between "there is none" and "then I wait".
class wait_queue {
public:
    std::shared_ptr<waiter> join(boost::asio::any_io_executor executor);
    /// Whether it was still in the queue; if not, it has been woken.
    bool leave(const std::shared_ptr<waiter>& who);
    void wake_one();
    void wake_all();
    std::size_t size() const noexcept { return waiting_.size(); }

private:
    std::deque<std::shared_ptr<waiter>> waiting_;
};

} // namespace finpost
