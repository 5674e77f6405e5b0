#pragma once

#include "queue/deadline_timer.hpp"
#include "queue/delivery_circuit.hpp"
#include "queue/delivery_schedule.hpp"

#include "finpost/delivery_queue.hpp"
#include "finpost/handler.hpp"
#include "finpost/http_upstream.hpp"
#include "finpost/logger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace finpost {
struct metrics;
}

namespace finpost::detail {

/// What became of one attempt to deliver.
struct delivery_result {
    int status = 0;          // 0: no answer
    bool stopped = false;    // by this side: it is due at once
    bool ours = false;       // this side has failed, which says nothing about the service
    std::string what = {};   // in one line, for people
    std::string answer = {}; // its beginning, which is for the operator and not for the log
    std::string retry_after = {};
};

/// The loop that claims what is due, and delivers it. Held by shared_ptr: it lives until the last
/// delivery has ended. Everything but `wake` and the constructor runs in its sequence.
class deliverer final : public std::enable_shared_from_this<deliverer> {
public:
    /// Whether no endpoint of the service can be used.
    using all_down = std::function<bool()>;

    deliverer(boost::asio::any_io_executor sequence, std::shared_ptr<queue_store> store,
              handler forward, all_down down, const delivery_config& config,
              std::chrono::milliseconds lease, metrics& counters, logger log);

    void start();
    /// Something may be due earlier than was known. From any thread.
    void wake() noexcept;
    /// `drained` is told when the last delivery has ended; null: nobody. It does not throw.
    void drain(std::function<void()> drained);
    /// Ends deliveries that are under way, and claims nothing more.
    void cancel();
    /// The same from any thread. It needs no memory: without any they end a little later.
    void stop() noexcept;

private:
    using clock = std::chrono::steady_clock;

    // Does something at the end of a coroutine, whatever end it has: one that Asio finds no memory
    // to run is destroyed, and nobody is told.
    class at_end {
    public:
        using action = void (deliverer::*)() noexcept;
        at_end(std::shared_ptr<deliverer> self, action what) noexcept
            : self_(std::move(self)), what_(what) {}
        at_end(at_end&&) noexcept = default;
        ~at_end() {
            if (self_) ((*self_).*what_)();
        }

    private:
        std::shared_ptr<deliverer> self_;
        action what_;
    };

    void loop_ended() noexcept;
    boost::asio::awaitable<void> run(at_end end);
    boost::asio::awaitable<void> step();
    boost::asio::awaitable<void> sleep_until(clock::time_point when);
    void begin(stored_payload what);
    boost::asio::awaitable<void> deliver(at_end end, std::unique_ptr<stored_payload> what);
    boost::asio::awaitable<delivery_result> attempt(const queue_entry& entry, payload body);
    boost::asio::awaitable<void> settle(const stored_payload& what, const delivery_result& result);
    boost::asio::awaitable<void> put_off(const queue_entry& entry, const delivery_result& result,
                                         const delivery_decision& decision);
    void count_attempt(delivery_verdict verdict) noexcept;
    void log_dead(const queue_entry& entry, const delivery_result& result, bool too_old);
    void log_failed(const queue_entry& entry, const delivery_result& result,
                    const delivery_decision& decision);
    void judge_service(const delivery_result& result);
    void delivery_ended() noexcept;
    void tell_drained() noexcept;

    const boost::asio::any_io_executor sequence_;
    const std::shared_ptr<queue_store> store_;
    const handler forward_;
    const all_down down_;
    const std::string upstream_, owner_;
    const std::chrono::milliseconds lease_;
    const delivery_schedule schedule_;
    metrics& counters_;
    const logger log_;

    const std::shared_ptr<deadline_timer> timer_;
    delivery_circuit circuit_;
    boost::asio::steady_timer pause_;
    std::unique_ptr<alarm_clock> again_; // begins anew what has ended for want of memory
    std::size_t under_way_ = 0;
    bool woken_ = false;
    std::atomic<bool> running_{false}, stopping_{false};
    bool failing_ = false; // the store, and it was said
    std::atomic<bool> wake_posted_{false};
    std::function<void()> drained_;
};

} // namespace finpost::detail
