#include "upstream/endpoint_set.hpp"

#include <algorithm>
#include <limits>

namespace finpost {

namespace {

using std::chrono::milliseconds;
constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{10'000};
constexpr unsigned bad_answers_allowed = 4; // one more in a row, and the endpoint is avoided
constexpr unsigned bad_checks_allowed = 1;
constexpr auto relaxed = std::memory_order_relaxed;

} // namespace

endpoint_set::endpoint_set(std::size_t count) : states_(count) {}

endpoint_set::turn endpoint_set::choose(clock::time_point now, mask tried, mask unknown) noexcept {
    const std::size_t count = states_.size();
    const std::size_t start = count > 1 ? next_.fetch_add(1, relaxed) : 0;
    struct candidate {
        std::size_t endpoint = 0;
        std::size_t outstanding = std::numeric_limits<std::size_t>::max();
    };
    candidate good, any;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t endpoint = (start + i) % count;
        if (tried >> endpoint & 1) continue;
        state& one = states_[endpoint];
        const std::size_t outstanding = one.outstanding.load(relaxed);
        if (outstanding < any.outstanding) any = {endpoint, outstanding};
        if (one.check_failed.load(relaxed) || (unknown >> endpoint & 1)) continue;
        const clock::rep until = one.down_until.load(relaxed);
        if (until != 0) {
            if (now.time_since_epoch().count() < until || one.probing.load(relaxed) ||
                one.probing.exchange(true))
                continue;
            one.outstanding.fetch_add(1, relaxed);
            return turn(*this, endpoint, true);
        }
        if (outstanding < good.outstanding) good = {endpoint, outstanding};
    }
    constexpr auto none = std::numeric_limits<std::size_t>::max();
    const candidate best = good.outstanding != none ? good : any;
    if (best.outstanding == none) return {};
    states_[best.endpoint].outstanding.fetch_add(1, relaxed);
    return turn(*this, best.endpoint, false);
}

void endpoint_set::turn::end() noexcept {
    if (set_ == nullptr) return;
    state& mine = std::exchange(set_, nullptr)->states_[endpoint_];
    mine.outstanding.fetch_sub(1, relaxed);
    if (probe_) mine.probing = false;
}

bool endpoint_set::turn::connected() const {
    state& mine = set_->states_[endpoint_];
    if (!mine.blemished.load(relaxed)) return false;
    const std::lock_guard lock(set_->mutex_);
    return mine.last_error == reason::upstream_unreachable && set_->forgive(mine);
}

bool endpoint_set::turn::answered() const {
    state& mine = set_->states_[endpoint_];
    if (!mine.blemished.load(relaxed)) return false;
    const std::lock_guard lock(set_->mutex_);
    return set_->forgive(mine);
}

bool endpoint_set::turn::failed(reason why, clock::time_point now, std::uint64_t jitter) const {
    const std::lock_guard lock(set_->mutex_);
    state& mine = set_->states_[endpoint_];
    mine.blemished = true;
    mine.last_error = why;
    // Exchanges that fail at the same time are one failure, or the pause would grow with the load.
    if (mine.down_until != 0 && now.time_since_epoch().count() < mine.down_until) return false;
    // The probe's word is enough; for the others, one bad answer may be one bad payload.
    if (why != reason::upstream_unreachable && mine.down_until == 0 &&
        ++mine.bad_answers <= bad_answers_allowed)
        return false;
    const milliseconds pause =
        std::min(first_pause * (1 << std::min(mine.ejections, 10u)), longest_pause);
    const bool fresh = mine.down_until == 0;
    ++mine.ejections;
    // Half of the pause for certain, the other half by chance.
    const auto half = pause / 2;
    const milliseconds by_chance(jitter % static_cast<std::uint64_t>(half.count() + 1));
    mine.down_until = (now + half + by_chance).time_since_epoch().count();
    return fresh;
}

bool endpoint_set::forgive(state& one) noexcept {
    const bool was_ejected = one.down_until.exchange(0) != 0;
    one.ejections = one.bad_answers = 0;
    if (one.bad_checks > 0) return false; // checks have the last word about what they found
    one.last_error.reset();
    one.blemished = false;
    return was_ejected;
}

bool endpoint_set::checked(std::size_t endpoint, std::optional<reason> why) {
    const std::lock_guard lock(mutex_);
    state& one = states_[endpoint];
    const bool failed_before = one.check_failed;
    if (why) {
        one.blemished = true;
        one.last_error = why;
        const unsigned allowed = one.check_succeeded ? bad_checks_allowed : 0;
        if (++one.bad_checks > allowed) one.check_failed = true;
    } else {
        one.check_succeeded = true;
        one.check_failed = false;
        const bool was_bad = std::exchange(one.bad_checks, 0) > 0;
        // It was reached. Whether it answers exchanges, only an exchange can tell.
        if (was_bad || one.last_error == reason::upstream_unreachable)
            if (one.bad_answers == 0 && forgive(one)) return true;
    }
    return failed_before != one.check_failed;
}

bool endpoint_set::ejected(const state& one, clock::time_point now) const noexcept {
    // Due to be tried is as good as up: otherwise a gateway without exchanges would never be ready.
    const clock::rep until = one.down_until;
    return until != 0 && (one.probing || now.time_since_epoch().count() < until);
}

endpoint_set::status endpoint_set::look(std::size_t endpoint, clock::time_point now) const {
    const std::lock_guard lock(mutex_);
    const state& one = states_[endpoint];
    status out{true, one.last_error, one.outstanding, std::nullopt};
    if (ejected(one, now)) out.avoided_until = clock::time_point(clock::duration(one.down_until));
    if (one.check_failed) out.avoided_until = clock::time_point::max();
    out.up = !out.avoided_until;
    return out;
}

} // namespace finpost
