#pragma once

#include "policy/wait_queue.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace finpost::detail {

/// The connections to an upstream: which are kept, how many there may be, who waits for one.
/// Decisions only: a `Connection` is a movable value that closes itself. Thread safe.
template <class Connection>
class connection_pool {
public:
    using clock = std::chrono::steady_clock;

    /// A connection in use, or the right to make one. Unless it is kept in the end, it is closed.
    class lease {
    public:
        lease(lease&& other) noexcept
            : pool_(std::exchange(other.pool_, nullptr)), endpoint_(other.endpoint_),
              reused_(other.reused_), connection_(std::move(other.connection_)) {}
        lease& operator=(lease&& other) noexcept {
            std::swap(pool_, other.pool_);
            std::swap(endpoint_, other.endpoint_);
            std::swap(reused_, other.reused_);
            connection_.swap(other.connection_);
            return *this;
        }
        ~lease() {
            if (pool_ != nullptr) pool_->give_up(std::move(connection_));
        }

        /// Null until one was made.
        Connection* connection() noexcept { return connection_ ? &*connection_ : nullptr; }
        void made(Connection fresh) { connection_.emplace(std::move(fresh)); }
        /// The connection failed; the right to make another one stays.
        void drop() { connection_.reset(); }
        /// Whether it had carried an exchange before this one.
        bool reused() const noexcept { return reused_; }
        void forget_reuse() noexcept { reused_ = false; }

        /// Ends the lease: the connection is idle from now on, for the next exchange.
        void release_idle(clock::time_point now) noexcept {
            std::exchange(pool_, nullptr)->release_idle(std::move(*connection_), endpoint_, now);
        }

    private:
        friend class connection_pool;
        lease(connection_pool& pool, std::size_t endpoint, std::optional<Connection> connection)
            : pool_(&pool), endpoint_(endpoint), reused_(connection.has_value()),
              connection_(std::move(connection)) {}

        connection_pool* pool_;
        std::size_t endpoint_;
        bool reused_ = false;
        std::optional<Connection> connection_;
    };

    connection_pool(std::size_t endpoints, std::size_t max_connections, clock::duration keep_alive,
                    gauge& busy, gauge& idle)
        : idle_(endpoints), wanted_(endpoints), max_(max_connections), keep_alive_(keep_alive),
          busy_gauge_(busy), idle_gauge_(idle) {}
    ~connection_pool() { close(); }

    /// The connection to `endpoint` kept last, if one is fresh enough, else the right to make one,
    /// else nothing: all there may be are in use.
    std::optional<lease> take(std::size_t endpoint, clock::time_point now) {
        std::vector<Connection> closing; // outside the lock
        const std::lock_guard lock(mutex_);
        auto& stack = idle_[endpoint];
        std::optional<Connection> kept_connection;
        if (!stack.empty() && now - stack.back().since < keep_alive_) {
            kept_connection.emplace(std::move(stack.back().connection));
            stack.pop_back();
            idle_gauge_.add(-1);
        } else if (open_ < max_ || evict(endpoint, closing)) {
            ++open_;
        } else {
            return std::nullopt;
        }
        busy_gauge_.add(1);
        return lease(*this, endpoint, std::move(kept_connection));
    }

    /// A place in the queue for a connection, unless one is to be had (null then).
    std::shared_ptr<waiter> join_unless_free(boost::asio::any_io_executor executor) {
        const std::lock_guard lock(mutex_);
        if (open_ < max_ || idle_count() > 0) return nullptr;
        return waiting_.join(std::move(executor));
    }
    /// Gives a place up. Who has been woken and takes no connection (`gave_up`) passes the wake on.
    void leave(const std::shared_ptr<waiter>& ticket, bool gave_up) noexcept {
        const std::lock_guard lock(mutex_);
        if (!waiting_.leave(ticket) && gave_up) waiting_.wake_one();
    }

    /// Closes what has been idle too long; says when to look again, or that nothing is left.
    std::optional<clock::time_point> sweep(clock::time_point now) {
        std::vector<Connection> closing;
        std::optional<clock::time_point> next;
        const std::lock_guard lock(mutex_);
        for (auto& stack : idle_) {
            while (!stack.empty() && now - stack.front().since >= keep_alive_)
                close_oldest(stack, closing);
            if (stack.empty()) continue;
            const auto due = stack.front().since + keep_alive_;
            next = next ? std::min(*next, due) : due;
        }
        return next;
    }

    /// From now on only those connections to `endpoint` are kept that are `wanted`: idle ones are
    /// closed at once, those in use when they come back. `wanted` is called under the pool's lock.
    void restrict(std::size_t endpoint, std::function<bool(const Connection&)> wanted) {
        std::vector<Connection> closing;
        const std::lock_guard lock(mutex_);
        stack_type& stack = idle_[endpoint];
        closing.reserve(stack.size()); // from here on nothing can fail halfway
        wanted_[endpoint] = std::move(wanted);
        auto left = stack.begin();
        for (idle_connection& idle : stack) {
            if (wanted_[endpoint](idle.connection)) {
                if (&*left != &idle) *left = std::move(idle);
                ++left;
                continue;
            }
            closing.push_back(std::move(idle.connection));
            --open_;
            idle_gauge_.add(-1);
            waiting_.wake_one();
        }
        stack.erase(left, stack.end());
    }

    /// Closes all idle connections, and from now on each one that comes back.
    void close() noexcept {
        for (;;) {                             // one by one: a list of them would need memory
            std::optional<Connection> closing; // outside the lock
            const std::lock_guard lock(mutex_);
            closed_ = true;
            const auto kept_some = std::find_if(
                idle_.begin(), idle_.end(), [](const stack_type& stack) { return !stack.empty(); });
            if (kept_some == idle_.end()) return;
            closing.emplace(take_oldest(*kept_some));
        }
    }

private:
    struct idle_connection {
        Connection connection;
        clock::time_point since;
    };
    using stack_type = std::deque<idle_connection>; // oldest at the front, used last at the back

    void close_oldest(stack_type& stack, std::vector<Connection>& closing) {
        closing.push_back(take_oldest(stack));
    }

    Connection take_oldest(stack_type& stack) noexcept {
        Connection oldest = std::move(stack.front().connection);
        stack.pop_front();
        --open_;
        idle_gauge_.add(-1);
        return oldest;
    }

    // Room for a new connection to `wanted`: its own stale ones, or an idle one of another
    // endpoint.
    bool evict(std::size_t wanted, std::vector<Connection>& closing) {
        if (!idle_[wanted].empty()) return close_oldest(idle_[wanted], closing), true;
        for (auto& stack : idle_)
            if (!stack.empty()) return close_oldest(stack, closing), true;
        return false;
    }

    std::size_t idle_count() const {
        std::size_t sum = 0;
        for (const auto& stack : idle_) sum += stack.size();
        return sum;
    }

    void release_idle(Connection connection, std::size_t endpoint, clock::time_point now) noexcept {
        std::optional<Connection> closing;
        const std::lock_guard lock(mutex_);
        busy_gauge_.add(-1);
        if (closed_ || (wanted_[endpoint] && !wanted_[endpoint](connection))) {
            --open_;
            closing.emplace(std::move(connection));
        } else {
            try {
                idle_[endpoint].push_back({std::move(connection), now});
                idle_gauge_.add(1);
            } catch (const std::bad_alloc&) {
                --open_; // it is closed
            }
        }
        waiting_.wake_one();
    }

    void give_up(std::optional<Connection> connection) noexcept {
        const std::lock_guard lock(mutex_);
        busy_gauge_.add(-1);
        --open_;
        waiting_.wake_one();
        static_cast<void>(connection);
    }

    std::mutex mutex_;
    std::vector<stack_type> idle_;
    std::vector<std::function<bool(const Connection&)>> wanted_; // by endpoint; empty: every one
    std::size_t open_ = 0;                                       // busy and idle
    const std::size_t max_;
    const clock::duration keep_alive_;
    gauge& busy_gauge_;
    gauge& idle_gauge_;
    bool closed_ = false;
    wait_queue waiting_;
};

} // namespace finpost::detail
