#include "policy/admission.hpp"

#include <algorithm>

namespace finpost::detail {

std::optional<token_bucket::clock::time_point> token_bucket::take(clock::time_point now) {
    if (rate_ == 0) return std::nullopt;
    const auto rate = static_cast<double>(rate_);
    if (filled_ == clock::time_point{}) filled_ = now;
    tokens_ = std::min(rate, tokens_ + std::chrono::duration<double>(now - filled_).count() * rate);
    filled_ = now;
    if (tokens_ >= 1) {
        tokens_ -= 1;
        return std::nullopt;
    }
    const auto wait = std::chrono::duration<double>((1 - tokens_) / rate);
    return now + std::chrono::duration_cast<clock::duration>(wait) + std::chrono::microseconds(1);
}

admission::admission(std::size_t max_connections, std::size_t max_per_source,
                     std::size_t accept_rate)
    : max_per_source_(max_per_source), max_connections_(max_connections), accept_rate_(accept_rate),
      rate_(accept_rate) {}

void admission::change(std::size_t max_connections, std::size_t max_per_source,
                       std::size_t accept_rate) {
    const std::lock_guard lock(mutex_);
    max_connections_ = max_connections;
    max_per_source_ = max_per_source;
    // The same rate goes on with the tokens it has: else each change would let a burst in.
    if (accept_rate != accept_rate_) rate_ = token_bucket(accept_rate);
    accept_rate_ = accept_rate;
    waiting_.wake_all(); // there may be more permits now
}

std::optional<admission::permit> admission::try_admit() {
    const std::lock_guard lock(mutex_);
    if (held_ >= max_connections_) return std::nullopt;
    ++held_;
    return permit(*this);
}

std::shared_ptr<waiter> admission::join_unless_free(boost::asio::any_io_executor executor) {
    const std::lock_guard lock(mutex_);
    if (held_ < max_connections_) return nullptr;
    return waiting_.join(std::move(executor));
}

void admission::leave(const std::shared_ptr<waiter>& ticket, bool gave_up) noexcept {
    const std::lock_guard lock(mutex_);
    if (!waiting_.leave(ticket) && gave_up) waiting_.wake_one();
}

bool admission::admit_source(permit& held, const socket_address& peer) {
    const std::size_t most = max_per_source_;
    if (most == 0) return true;
    const std::lock_guard lock(mutex_);
    std::string source = peer.host();
    std::size_t& count = sources_[source];
    if (count >= most) return false;
    ++count;
    held.source_ = std::move(source); // takes no memory: who is counted is forgotten again
    return true;
}

std::optional<token_bucket::clock::time_point>
admission::accept_at(token_bucket::clock::time_point now) {
    const std::lock_guard lock(mutex_);
    return rate_.take(now);
}

void admission::accepted_nobody() noexcept {
    const std::lock_guard lock(mutex_);
    rate_.give_back();
}

void admission::release(const std::optional<std::string>& source) noexcept {
    const std::lock_guard lock(mutex_);
    --held_;
    if (source) forget(*source);
    waiting_.wake_one();
}

void admission::release_source(std::optional<std::string>& source) noexcept {
    const std::lock_guard lock(mutex_);
    forget(*source);
    source.reset();
}

// Under the lock.
void admission::forget(const std::string& source) noexcept {
    const auto found = sources_.find(source);
    if (--found->second == 0) sources_.erase(found);
}

} // namespace finpost::detail
