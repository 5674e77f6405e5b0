#include "policy/buffer_budget.hpp"

#include "policy/wait_queue.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/metrics.hpp"
#include "finpost/payload.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

void buffer_budget::limit(std::uint64_t bytes) {
    {
        const std::lock_guard lock(queue_mutex_);
        limit_ = static_cast<std::int64_t>(bytes);
        queue_changed();
    }
    wake_queue();
    wake_all();
}

bool buffer_budget::try_take(std::size_t n) noexcept {
    // Never above the limit, not even for a moment: another thread would be refused for nothing
    // then, and nobody would wake it.
    return used_.add_within(static_cast<std::int64_t>(n), open_.load(std::memory_order_relaxed));
}

void buffer_budget::give_back(std::size_t n) noexcept {
    used_.add(-static_cast<std::int64_t>(n));
    moves_.fetch_add(1, std::memory_order_relaxed);
    wake_queue();
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

namespace {

// Takes what it is asked for.
class beyond_the_limit final : public byte_budget {
public:
    beyond_the_limit(byte_budget& all, gauge& used) : all_(all), used_(used) {}
    bool try_take(std::size_t n) noexcept override {
        used_.add(static_cast<std::int64_t>(n));
        return true;
    }
    void give_back(std::size_t n) noexcept override { all_.give_back(n); }

private:
    byte_budget& all_;
    gauge& used_;
};

} // namespace

void buffer_budget::overdraw(payload& bytes, std::size_t n) {
    if (bytes.reserve(n)) return;
    byte_budget* const own = bytes.budget();
    beyond_the_limit any(*this, used_);
    bytes.budget(&any);
    try {
        bytes.reserve(n);
    } catch (...) {
        bytes.budget(own);
        throw;
    }
    bytes.budget(own);
}

// What the first in the queue may still need.
std::int64_t buffer_budget::reserved() const noexcept {
    if (queue_.empty()) return 0;
    const growth_ticket& first = *queue_.front();
    return std::clamp<std::int64_t>(first.most_ - first.held_, 0, limit_);
}

std::int64_t buffer_budget::limit_of(const growth_ticket& ticket) const noexcept {
    if (queue_.front() == &ticket) return limit_;
    return limit_ - reserved() - limit_ / 8;
}

// Small exchanges end by themselves, so that they keep a quarter even where a single large one may
// need everything: it waits for them, and not the other way round.
void buffer_budget::queue_changed() noexcept {
    open_ = queue_.empty() ? limit_.load() : std::max(limit_ - reserved(), limit_ / 4);
}

// Wakes one; whoever is woken and gets its bytes, or has no more use for them, wakes the next.
std::function<void()> buffer_budget::next_in_queue() noexcept {
    for (growth_ticket* const ticket : queue_) {
        if (!ticket->wake_) continue;
        if (used_.value() + ticket->wanted_ <= limit_of(*ticket)) {
            queue_waits_ -= 1;
            return std::exchange(ticket->wake_, nullptr);
        }
        if (ticket != queue_.front()) return nullptr; // first come, first served
    }
    return nullptr;
}

void buffer_budget::wake_queue() noexcept {
    if (queue_waits_.load(std::memory_order_seq_cst) == 0) return;
    std::function<void()> wake;
    {
        const std::lock_guard lock(queue_mutex_);
        wake = next_in_queue();
    }
    if (wake) wake();
}

void growth_ticket::join() {
    const std::lock_guard lock(all_.queue_mutex_);
    place_ = all_.queue_.insert(all_.queue_.end(), this);
    joined_ = true;
    held_ = static_cast<std::int64_t>(bytes_.capacity());
    bytes_.budget(this);
    if (more_ != nullptr) {
        held_ += static_cast<std::int64_t>(more_->capacity());
        more_->budget(this);
    }
    all_.queue_changed();
}

void growth_ticket::leave() noexcept {
    if (!joined_) return;
    bytes_.budget(&all_);
    if (more_ != nullptr) more_->budget(&all_);
    joined_ = false;
    {
        const std::lock_guard lock(all_.queue_mutex_);
        forget_wake();
        all_.queue_.erase(place_);
        all_.queue_changed();
    }
    all_.wake_queue();
    all_.wake_all();
}

void growth_ticket::forget_wake() noexcept {
    if (wake_) all_.queue_waits_ -= 1;
    wake_ = nullptr;
}

bool growth_ticket::try_take(std::size_t n) noexcept {
    if (!joined_) return all_.try_take(n);
    {
        const std::lock_guard lock(all_.queue_mutex_);
        wanted_ = static_cast<std::int64_t>(n);
        if (!all_.used_.add_within(wanted_, all_.limit_of(*this))) return false;
        held_ += wanted_;
        forget_wake();
        if (all_.queue_.front() == this) {
            all_.moves_.fetch_add(1, std::memory_order_relaxed);
            all_.queue_changed();
        }
    }
    all_.wake_queue();
    return true;
}

void growth_ticket::give_back(std::size_t n) noexcept {
    if (joined_) {
        const std::lock_guard lock(all_.queue_mutex_);
        held_ -= static_cast<std::int64_t>(n);
        all_.queue_changed();
    }
    all_.give_back(n);
}

void growth_ticket::on_release(std::function<void()> wake) {
    if (!joined_) return all_.on_release(std::move(wake));
    const std::lock_guard lock(all_.queue_mutex_);
    forget_wake();
    wake_ = std::move(wake);
    all_.queue_waits_ += 1;
}

asio::awaitable<error_code> wait_for_buffer(payload& into, std::size_t n,
                                            exchange_deadline& deadline) {
    while (!into.reserve(n)) {
        if (deadline.error())
            co_return deadline.stopped() ? deadline.error() : make_error_code(reason::busy);
        asio::any_io_executor executor = co_await asio::this_coro::executor;
        auto ticket = std::make_shared<waiter>(executor);
        into.budget()->on_release([ticket] { ticket->wake(); });
        // Between the refusal above and the registration bytes may have come back: look once more.
        if (into.reserve(n)) break;
        co_await ticket->wait(deadline);
    }
    co_return error_code{};
}

} // namespace finpost::detail
