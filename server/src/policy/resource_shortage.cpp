#include "policy/resource_shortage.hpp"

#include <utility>

namespace finpost::detail {

bool resource_shortage::met(clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (since_) return false;
    since_ = now;
    on_ = true;
    return true;
}

void resource_shortage::refused() {
    const std::lock_guard lock(mutex_);
    ++refused_;
}

std::unique_lock<std::mutex> resource_shortage::lock() {
    return is_on() ? std::unique_lock(exclusive_) : std::unique_lock<std::mutex>();
}

std::optional<resource_shortage::episode> resource_shortage::over(clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (!since_) return std::nullopt;
    const episode was{now - *since_, std::exchange(refused_, 0)};
    since_.reset();
    on_ = false;
    return was;
}

} // namespace finpost::detail
