#include "policy/buffer_budget.hpp"

#include "finpost/metrics.hpp"
#include "finpost/watchdog.hpp"
#include "policy/wait_queue.hpp"

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace asio = boost::asio;

namespace finpost {

void buffer_budget::limit(std::uint64_t bytes) {
    limit_ = static_cast<std::int64_t>(bytes);
    wake_all();
}

bool buffer_budget::try_take(std::size_t n) noexcept {
    // Never above the limit, not even for a moment: another thread would be refused for nothing then,
    // and nobody would wake it.
    return used_.add_within(static_cast<std::int64_t>(n),
                            limit_.load(std::memory_order_relaxed));
}

void buffer_budget::give_back(std::size_t n) noexcept {
    used_.add(-static_cast<std::int64_t>(n));
    wake_all();
}

void buffer_budget::wake_all() noexcept {
    if (!awaited_.load(std::memory_order_seq_cst)) return;
    std::vector<std::function<void()>> wake;
    {
        const std::lock_guard lock(mutex_);
        awaited_ = false;
        wake.swap(wake_);
    }
    for (const auto& call : wake) call();
}

void buffer_budget::on_release(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_.push_back(std::move(wake));
    awaited_ = true;
}

asio::awaitable<error_code> wait_for_room(payload& into, std::size_t n, watchdog& dog) {
    while (!into.reserve(n)) {
        if (dog.error()) co_return dog.stopped() ? dog.error() : make_error_code(reason::busy);
        asio::any_io_executor executor = co_await asio::this_coro::executor;
        auto turn = std::make_shared<waiter>(executor);
        into.budget()->on_release([turn] { turn->wake(); });
        // Between the refusal above and the registration bytes may have come back: look once more.
        if (into.reserve(n)) break;
        co_await turn->wait(dog);
    }
    co_return error_code{};
}

} // namespace finpost
