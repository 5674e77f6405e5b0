#include "queue/delivery_circuit.hpp"

#include <algorithm>

namespace finpost::detail {

std::size_t delivery_circuit::free(clock::time_point now, std::size_t under_way) const noexcept {
    if (probe_at_) return now >= *probe_at_ && under_way == 0 ? 1 : 0;
    return at_once_ - std::min(at_once_, under_way);
}

void delivery_circuit::answered() noexcept {
    failures_ = 0;
    if (probe_at_)
        at_once_ = 1; // what it answered was one
    else
        at_once_ = std::min(at_once_ + 1, rules_.deliveries);
    probe_at_.reset();
}

void delivery_circuit::unavailable(clock::time_point now, bool all_down, double random) noexcept {
    // What was under way when it went down says nothing new.
    if (probe_at_ && now < *probe_at_) return;
    ++failures_;
    const bool coming_back = at_once_ < rules_.deliveries;
    if (!probe_at_ && !all_down && !coming_back && failures_ < rules_.failures) return;
    pause_ = probe_at_ ? std::min(pause_ * 2, rules_.probe_most) : rules_.probe_first;
    const auto wait = static_cast<double>(pause_.count()) * (0.75 + random / 4);
    probe_at_ = now + milliseconds(static_cast<milliseconds::rep>(wait));
}

} // namespace finpost::detail
