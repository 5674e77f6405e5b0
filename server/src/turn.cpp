#include "turn.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace {

// One for each event loop. A marker goes through the loop's queue behind all that is ready: when it comes out, a pass is
// over, and the first in line has its turn.
class turn_line : public asio::execution_context::service {
public:
    using handler = asio::any_completion_handler<void()>;
    static inline asio::execution_context::id id;

    explicit turn_line(asio::execution_context& loop) : service(loop) {}

    bool take(const asio::any_io_executor& loop) {
        const std::lock_guard lock(mutex_);
        return begin_pass(loop);
    }

    void join(const asio::any_io_executor& loop, const asio::any_io_executor& executor, handler turn) {
        const std::lock_guard lock(mutex_);
        waiting_.emplace_back(executor, std::move(turn));
        begin_pass(loop); // the last one may have ended since
    }

private:
    using waiter = std::pair<asio::any_io_executor, handler>;

    void shutdown() override {
        std::deque<waiter> dropped; // what a handler owns may be anything: not with the lock
        const std::lock_guard lock(mutex_);
        dropped.swap(waiting_);
    }

    // False while one is under way.
    bool begin_pass(const asio::any_io_executor& loop) {
        if (passing_) return false;
        post_marker(loop);
        return passing_ = true;
    }

    void post_marker(const asio::any_io_executor& loop) {
        asio::post(loop, [this, loop] { passed(loop); });
    }

    void passed(const asio::any_io_executor& loop) {
        const std::lock_guard lock(mutex_);
        passing_ = !waiting_.empty();
        if (!passing_) return;
        post_marker(loop);
        waiter first = std::move(waiting_.front());
        waiting_.pop_front();
        asio::post(first.first, [turn = std::move(first.second)]() mutable { std::move(turn)(); });
    }

    std::mutex mutex_;
    bool passing_ = false;
    std::deque<waiter> waiting_;
};

// Without the strand: what keeps one session busy must not keep the marker.
asio::any_io_executor loop_of(const asio::any_io_executor& executor) {
    using plain = asio::strand<asio::io_context::executor_type>;
    if (const auto* strand = executor.target<plain>()) return strand->get_inner_executor();
    const auto* any = executor.target<asio::strand<asio::any_io_executor>>();
    return any == nullptr ? executor : any->get_inner_executor();
}

} // namespace

asio::awaitable<void> next_turn() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto& line = asio::use_service<turn_line>(asio::query(executor, asio::execution::context));
    const asio::any_io_executor loop = loop_of(executor);
    if (line.take(loop)) co_return;
    const auto join = [&line, &loop, &executor](turn_line::handler turn) {
        line.join(loop, executor, std::move(turn));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(join, asio::use_awaitable);
}

asio::awaitable<void> next_turn(watchdog& dog, watchdog::span idle, watchdog::clock::time_point until) {
    if (dog.error()) co_return;
    const auto left = [until] { return std::max(until - watchdog::clock::now(), watchdog::span(1)); };
    dog.watch(watchdog::span::zero(), left(), reason::receive_timeout);
    co_await next_turn();
    if (!dog.error()) dog.watch(idle, left(), reason::receive_timeout);
}

} // namespace finpost
