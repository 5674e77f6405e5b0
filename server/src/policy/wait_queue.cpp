#include "policy/wait_queue.hpp"

#include "finpost/watchdog.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace finpost {

waiter::waiter(asio::any_io_executor executor) : timer_(std::move(executor)) {}

void waiter::wake() {
    // The flag and the timer belong to the executor; the post keeps the waiter alive until then.
    asio::post(timer_.get_executor(), [self = shared_from_this()] {
        self->woken_ = true;
        self->timer_.cancel();
    });
}

asio::awaitable<void> waiter::wait(watchdog& dog, std::chrono::steady_clock::time_point until) {
    watchdog::guard cancel(dog, [this] { timer_.cancel(); });
    timer_.expires_at(until);
    if (!woken_ && !dog.error()) {
        auto [ec] = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        static_cast<void>(ec);
    }
}

std::shared_ptr<waiter> wait_queue::join(asio::any_io_executor executor) {
    return waiting_.emplace_back(std::make_shared<waiter>(std::move(executor)));
}

bool wait_queue::leave(const std::shared_ptr<waiter>& who) {
    const auto found = std::find(waiting_.begin(), waiting_.end(), who);
    if (found == waiting_.end()) return false;
    waiting_.erase(found);
    return true;
}

void wait_queue::wake_one() {
    if (waiting_.empty()) return;
    waiting_.front()->wake();
    waiting_.pop_front();
}

void wait_queue::wake_all() {
    while (!waiting_.empty()) wake_one();
}

} // namespace finpost
