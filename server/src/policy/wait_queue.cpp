#include "policy/wait_queue.hpp"

#include "async/use_tuple_awaitable.hpp"

#include "finpost/exchange_deadline.hpp"

#include <algorithm>

namespace asio = boost::asio;

namespace finpost::detail {

waiter::waiter(const asio::any_io_executor& executor) : timer_(executor) {}

void waiter::wake() noexcept {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    timer_.cancel();
}

void waiter::interrupt() noexcept {
    const std::lock_guard lock(mutex_);
    timer_.cancel();
}

asio::awaitable<void> waiter::wait(exchange_deadline& deadline, time_point until) {
    const exchange_deadline::on_cancel cancel(deadline, [this] { interrupt(); });
    if (woken_ || deadline.error()) co_return;
    const auto begin = [this, until](auto&& handler) {
        async_wait(until, std::forward<decltype(handler)>(handler));
    };
    auto [ec] = co_await asio::async_initiate<const use_shared_tuple_awaitable_t, void(error_code)>(
        begin, use_shared_tuple_awaitable);
    static_cast<void>(ec);
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

void wait_queue::wake_one() noexcept {
    if (waiting_.empty()) return;
    waiting_.front()->wake();
    waiting_.pop_front();
}

void wait_queue::wake_all() noexcept {
    while (!waiting_.empty()) wake_one();
}

} // namespace finpost::detail
