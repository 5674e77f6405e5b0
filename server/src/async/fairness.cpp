#include "async/fairness.hpp"

#include "async/operation_memory.hpp"
#include "async/use_tuple_awaitable.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// One for each event loop. A marker goes through the loop's queue behind all that is ready: when it
// comes out, a pass is over, and the first waiter goes on. On an `io_context` it has memory
// of its own: were it lost, nobody would go on any more.
class yield_queue : public asio::execution_context::service {
public:
    using handler = asio::any_completion_handler<void(error_code)>;
    static inline asio::execution_context::id id;

    explicit yield_queue(asio::execution_context& loop) : service(loop) {}

    bool take(const asio::any_io_executor& loop) {
        const std::lock_guard lock(mutex_);
        return begin_pass(loop);
    }

    void join(const asio::any_io_executor& loop, const asio::any_io_executor& executor,
              handler ticket) {
        const std::lock_guard lock(mutex_);
        waiting_.emplace_back(executor, std::move(ticket));
        begin_pass(loop); // the last one may have ended since
    }

private:
    using waiter = std::pair<asio::any_io_executor, handler>;
    struct marker {
        using allocator_type = operation_allocator<>;
        allocator_type get_allocator() const noexcept { return allocator_type(queue->memory_); }
        void operator()() const { queue->passed(loop); }

        yield_queue* queue;
        asio::any_io_executor loop;
    };

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
        const auto* const plain = loop.target<asio::io_context::executor_type>();
        if (plain != nullptr)
            asio::post(*plain, marker{this, loop});
        else
            asio::post(loop, marker{this, loop});
    }

    void passed(const asio::any_io_executor& loop) {
        std::optional<waiter> first;
        {
            const std::lock_guard lock(mutex_);
            passing_ = !waiting_.empty();
            if (!passing_) return;
            post_marker(loop);
            first.emplace(std::move(waiting_.front()));
            waiting_.pop_front();
        }
        // Where one thread runs the loop this is where the exchange belongs.
        if (first->first == loop) return std::move(first->second)(error_code());
        asio::post(first->first, [ticket = std::move(first->second)]() mutable {
            std::move(ticket)(error_code());
        });
    }

    std::mutex mutex_;
    operation_memory memory_; // of the marker
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

asio::awaitable<void> fair_yield() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto& queue = asio::use_service<yield_queue>(asio::query(executor, asio::execution::context));
    const asio::any_io_executor loop = loop_of(executor);
    if (queue.take(loop)) co_return;
    const auto join = [&queue, &loop, &executor](auto&& ticket) {
        queue.join(loop, executor, std::forward<decltype(ticket)>(ticket));
    };
    co_await asio::async_initiate<const use_shared_tuple_awaitable_t, void(error_code)>(
        join, use_shared_tuple_awaitable);
}

asio::awaitable<std::tuple<error_code>> yield() {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto post = [&executor](auto&& next) {
        asio::post(executor, [later = std::forward<decltype(next)>(next)] { later(error_code()); });
    };
    auto over = co_await asio::async_initiate<const use_shared_tuple_awaitable_t, void(error_code)>(
        post, use_shared_tuple_awaitable);
    co_return over;
}

asio::awaitable<void> fair_yield(exchange_deadline& deadline, exchange_deadline::duration idle,
                                 exchange_deadline::clock::time_point until) {
    if (deadline.error()) co_return;
    const auto left = [until] {
        return std::max(until - exchange_deadline::clock::now(), exchange_deadline::duration(1));
    };
    deadline.arm(exchange_deadline::duration::zero(), left(), reason::receive_timeout);
    co_await fair_yield();
    if (!deadline.error()) deadline.arm(idle, left(), reason::receive_timeout);
}

} // namespace finpost::detail
