#pragma once

#include "finpost/byte_budget.hpp"
#include "finpost/error.hpp"

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <vector>

namespace finpost {
class gauge;
class exchange_deadline;
class payload;
} // namespace finpost

namespace finpost::detail {

class growth_ticket;

/// The limit on all payloads and replies held at once. The gauge that users see is its only count.
///
/// Partial payloads cannot be given back, so left alone they could fill the budget and wait for
/// each other. Therefore large ones grow in a queue (`growth_ticket`), and what the first in it may
/// still need is kept free from everyone else: it can always be finished, then the next is the
/// first. An eighth is kept free from the others in the queue, for small exchanges, which pass
/// beside it. Replies that are kept in memory grow in the same queue, and so does a stream until it
/// has its buffers.
class buffer_budget : public byte_budget {
public:
    buffer_budget(std::uint64_t limit, gauge& used)
        : limit_(static_cast<std::int64_t>(limit)), open_(limit_.load()), used_(used) {}

    /// Changes the limit. What is held above a lower one is given back in its own time.
    void limit(std::uint64_t bytes);

    bool try_take(std::size_t n) noexcept override;
    void give_back(std::size_t n) noexcept override;
    void on_release(std::function<void()> wake) override;

    /// Grows whenever bytes are given back or the first in the queue takes some: while it does, who
    /// waits gets nearer to its turn.
    std::uint64_t moves() const noexcept { return moves_.load(std::memory_order_relaxed); }

    std::uint64_t limit() const noexcept { return static_cast<std::uint64_t>(limit_.load()); }

    /// Makes room for the few bytes that an exchange needs to give back the many that it has:
    /// counted, and beyond the limit where there is no other way.
    void overdraw(payload& bytes, std::size_t n);

private:
    friend class growth_ticket;

    std::int64_t reserved() const noexcept;
    std::int64_t limit_of(const growth_ticket& ticket) const noexcept;
    void queue_changed() noexcept;
    std::function<void()> next_in_queue() noexcept;
    void wake_queue() noexcept;
    void wake_all() noexcept;

    std::atomic<std::int64_t> limit_;
    std::atomic<std::int64_t> open_; // the limit for who is not in the queue
    gauge& used_;
    std::atomic<std::uint64_t> moves_{0};
    std::atomic<bool> awaited_{false};
    std::mutex mutex_;
    std::vector<std::function<void()>> wake_;
    std::atomic<std::size_t> queue_waits_{0}; // tickets that wait
    std::mutex queue_mutex_;                  // of the queue and what its tickets hold
    std::list<growth_ticket*> queue_;
};

/// What a stream takes before it begins, for both directions.
constexpr std::size_t stream_buffers = 256 << 10;

/// A partial payload's way to the budget and, from `join` on, its place in the queue. It lives as
/// long as the payload grows; then the payload takes from the budget itself. Belongs to its
/// exchange's executor.
class growth_ticket final : public byte_budget {
public:
    /// For `bytes`, which may need `most` bytes in the end, with what is in `more`, if anything is.
    growth_ticket(buffer_budget& all, payload& bytes, std::uint64_t most,
                  payload* more = nullptr) noexcept
        : all_(all), bytes_(bytes), more_(more), most_(static_cast<std::int64_t>(most)) {}
    ~growth_ticket() override { leave(); }
    growth_ticket(const growth_ticket&) = delete;
    growth_ticket& operator=(const growth_ticket&) = delete;

    void join();
    /// From now on this is but another way to the budget.
    void leave() noexcept;
    buffer_budget& budget() const noexcept { return all_; }

    bool try_take(std::size_t n) noexcept override;
    void give_back(std::size_t n) noexcept override;
    void on_release(std::function<void()> wake) override;

private:
    friend class buffer_budget;
    void forget_wake() noexcept;

    buffer_budget& all_;
    payload& bytes_;
    payload* const more_;
    const std::int64_t most_;
    std::int64_t held_ = 0;
    std::int64_t wanted_ = 0; // what was refused last
    bool joined_ = false;
    std::function<void()> wake_;
    std::list<growth_ticket*>::iterator place_;
};

/// For who was refused by `payload::reserve`: waits until the budget has `n` bytes for `into`,
/// which is how reading pauses, and makes the room. Completes with success, or with `busy` when the
/// exchange_deadline's limit passed meanwhile (the wait was the gateway's fault, not the peer's),
/// or with what stopped the exchange.
boost::asio::awaitable<error_code> wait_for_buffer(payload& into, std::size_t n,
                                                   exchange_deadline& deadline);

} // namespace finpost::detail
