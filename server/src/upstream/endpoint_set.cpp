#include "upstream/endpoint_set.hpp"

#include <algorithm>

namespace finpost {

namespace {

using std::chrono::milliseconds;
constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{10'000};

} // namespace

endpoint_set::endpoint_set(std::size_t count) : states_(count) {}

std::vector<std::size_t> endpoint_set::order(clock::time_point now) {
    const std::lock_guard lock(mutex_);
    const std::size_t count = states_.size();
    std::vector<std::size_t> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = (next_ + i) % count;
    if (count > 1) next_ = (next_ + 1) % count;
    std::stable_partition(all.begin(), all.end(),
                          [&](std::size_t i) { return states_[i].down_until <= now; });
    return all;
}

void endpoint_set::failed(std::size_t endpoint, clock::time_point now, std::uint64_t jitter) {
    const std::lock_guard lock(mutex_);
    state& one = states_[endpoint];
    const milliseconds pause = std::min(first_pause * (1 << std::min(one.failures, 10u)),
                                        longest_pause);
    ++one.failures;
    // Half of the pause for certain, the other half by chance.
    const auto half = pause / 2;
    const milliseconds by_chance(jitter % static_cast<std::uint64_t>(half.count() + 1));
    one.down_until = now + half + by_chance;
}

void endpoint_set::succeeded(std::size_t endpoint) {
    const std::lock_guard lock(mutex_);
    states_[endpoint] = state{};
}

bool endpoint_set::up(std::size_t endpoint, clock::time_point now) const {
    const std::lock_guard lock(mutex_);
    return states_[endpoint].down_until <= now;
}

} // namespace finpost
