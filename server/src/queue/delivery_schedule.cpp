#include "queue/delivery_schedule.hpp"

#include <algorithm>

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

milliseconds share_of(milliseconds whole, double share) noexcept {
    return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(whole.count()) * share));
}

} // namespace

delivery_verdict judge_status(int status) noexcept {
    if (status < 200 || status > 599) return delivery_verdict::again;
    if (status < 300) return delivery_verdict::delivered;
    if (status < 400) return delivery_verdict::again_with_alert;
    if (status >= 500) return delivery_verdict::again;
    switch (status) {
    case 408:
    case 425:
    case 429:
        return delivery_verdict::again;
    case 401:
    case 403:
    case 404:
    case 405:
    case 407:
        return delivery_verdict::again_with_alert;
    default:
        return delivery_verdict::dead;
    }
}

milliseconds delivery_schedule::back_off(std::uint32_t attempts, double random) const noexcept {
    const std::uint32_t doublings = std::min<std::uint32_t>(attempts > 0 ? attempts - 1 : 0, 30);
    const milliseconds most = rules_.retry_most;
    // Compared by dividing: the product may not fit.
    const bool longest = rules_.retry_first > most / (std::int64_t{1} << doublings);
    const milliseconds whole = longest ? most : rules_.retry_first * (std::int64_t{1} << doublings);
    return std::max(milliseconds(1), share_of(whole, 0.5 + random / 2));
}

bool delivery_schedule::too_old(const delivery_attempt& attempt) const noexcept {
    if (attempt.attempts < fewest_attempts) return false;
    if (attempt.age >= milliseconds(0)) return attempt.age >= rules_.retry_for;
    return attempt.attempts >= rules_.retry_for / rules_.retry_most + fewest_attempts;
}

delivery_decision delivery_schedule::after(const delivery_attempt& attempt,
                                           double random) const noexcept {
    delivery_decision decision{judge_status(attempt.status)};
    if (decision.verdict == delivery_verdict::delivered ||
        decision.verdict == delivery_verdict::dead)
        return decision;
    if (too_old(attempt)) return {.verdict = delivery_verdict::dead, .too_old = true};
    decision.retry_in = back_off(attempt.attempts, random);
    if (attempt.retry_after) {
        const auto asked =
            std::clamp(*attempt.retry_after, milliseconds(0), rules_.longest_retry_after);
        // Never earlier than asked for, and not all at the same moment.
        decision.retry_in = asked + share_of(rules_.retry_first, random);
    }
    return decision;
}

} // namespace finpost::detail
