#pragma once

#include "finpost/error.hpp"
#include "finpost/payload.hpp"

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace finpost {

class gauge;
class watchdog;

/// The limit on all payloads and replies held at once. The gauge that users see is its only count.
class buffer_budget : public byte_budget {
public:
    buffer_budget(std::uint64_t limit, gauge& used)
        : limit_(static_cast<std::int64_t>(limit)), used_(used) {}

    /// Changes the limit. What is held above a lower one is given back in its own time.
    void limit(std::uint64_t bytes);

    bool try_take(std::size_t n) noexcept override;
    void give_back(std::size_t n) noexcept override;
    void on_release(std::function<void()> wake) override;

private:
    void wake_all() noexcept;

    std::atomic<std::int64_t> limit_;
    gauge& used_;
    std::atomic<bool> awaited_{false};
    std::mutex mutex_;
    std::vector<std::function<void()>> wake_;
};

/// For who was refused by `payload::reserve`: waits until the budget has `n` bytes for `into`, which is
/// how reading pauses, and makes the room. Completes with success, or with `busy` when the watchdog's
/// limit passed meanwhile (the wait was the gateway's fault, not the peer's), or with what stopped the
/// exchange.
boost::asio::awaitable<error_code> wait_for_room(payload& into, std::size_t n, watchdog& dog);

} // namespace finpost
