#include "upstream/endpoint_set.hpp"

#include <algorithm>
#include <limits>

namespace finpost {

namespace {

using std::chrono::milliseconds;
constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{10'000};
constexpr unsigned bad_answers_allowed = 4; // one more in a row, and the endpoint is ejected
constexpr unsigned bad_checks_allowed = 1;
constexpr auto relaxed = std::memory_order_relaxed;

} // namespace

endpoint_set::endpoint_set(std::size_t count, clock::time_point now) : states_(count) {
    for (state& one : states_) one.since = now;
}

endpoint_set::selection endpoint_set::choose(clock::time_point now, mask tried,
                                             mask unknown) noexcept {
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
        const clock::rep until = one.ejected_until.load(relaxed);
        if (until != 0) {
            if (now.time_since_epoch().count() < until || one.probing.load(relaxed) ||
                one.probing.exchange(true))
                continue;
            one.outstanding.fetch_add(1, relaxed);
            return selection(*this, endpoint, true);
        }
        if (outstanding < good.outstanding) good = {endpoint, outstanding};
    }
    constexpr auto none = std::numeric_limits<std::size_t>::max();
    const candidate best = good.outstanding != none ? good : any;
    if (best.outstanding == none) return {};
    states_[best.endpoint].outstanding.fetch_add(1, relaxed);
    return selection(*this, best.endpoint, false);
}

void endpoint_set::selection::end() noexcept {
    if (set_ == nullptr) return;
    state& mine = std::exchange(set_, nullptr)->states_[endpoint_];
    mine.outstanding.fetch_sub(1, relaxed);
    if (probe_) mine.probing = false;
}

bool endpoint_set::selection::connected() const {
    state& mine = set_->states_[endpoint_];
    if (!mine.blemished.load(relaxed)) return false;
    const std::lock_guard lock(set_->mutex_);
    const bool was_ejected = ejected(mine);
    reached(mine);
    return was_ejected && !ejected(mine);
}

bool endpoint_set::selection::answered() const {
    state& mine = set_->states_[endpoint_];
    if (!mine.blemished.load(relaxed)) return false;
    const std::lock_guard lock(set_->mutex_);
    const bool was_ejected = ejected(mine);
    mine.last = result::success;
    reset(mine);
    return was_ejected && !ejected(mine);
}

bool endpoint_set::selection::failed(const fault& what, clock::time_point now,
                                     std::uint64_t jitter) const {
    const std::lock_guard lock(set_->mutex_);
    state& mine = set_->states_[endpoint_];
    const bool was_ejected = ejected(mine);
    fail(mine, what, now, jitter);
    return !was_ejected && ejected(mine);
}

bool endpoint_set::checked(std::size_t endpoint, const std::optional<fault>& what,
                           clock::time_point now) {
    const std::lock_guard lock(mutex_);
    state& one = states_[endpoint];
    const bool was_ejected = ejected(one), was_up = up(one);
    if (what) {
        one.cause = what->cause;
        one.blemished = true;
        one.last_error = what->why;
        one.last = result::failure;
        const unsigned allowed = one.check_succeeded ? bad_checks_allowed : 0;
        if (++one.bad_checks > allowed) one.check_failed = true;
    } else {
        one.check_succeeded = true;
        one.check_failed = false;
        one.bad_checks = 0;
        reached(one);
    }
    if (was_up && !up(one)) one.since = now;
    return was_ejected != ejected(one);
}

bool endpoint_set::in_doubt(std::size_t endpoint) const {
    const std::lock_guard lock(mutex_);
    return states_[endpoint].last != result::success;
}

bool endpoint_set::probed(std::size_t endpoint, const std::optional<fault>& what,
                          clock::time_point now, std::uint64_t jitter) {
    const std::lock_guard lock(mutex_);
    state& one = states_[endpoint];
    const bool was_ejected = ejected(one);
    if (!what)
        reached(one);
    else if (one.last != result::success)
        fail(one, *what, now, jitter);
    return was_ejected != ejected(one);
}

// Under the mutex, like all that follow.
void endpoint_set::fail(state& one, const fault& what, clock::time_point now,
                        std::uint64_t jitter) {
    const bool was_up = up(one);
    one.cause = what.cause;
    one.blemished = true;
    one.last_error = what.why;
    one.last = result::failure;
    // An endpoint that comes back after that may be another: its answers are not known yet.
    if (!what.connected) one.bad_answers = 0;
    // Exchanges that fail at the same time are one failure, or the pause would grow with the load.
    if (one.ejected_until != 0 && now.time_since_epoch().count() < one.ejected_until) return;
    // The probe's word is enough; for the others, one bad answer may be one bad payload.
    if (what.connected) ++one.bad_answers;
    if (what.why != reason::upstream_unreachable && one.ejected_until == 0 &&
        one.bad_answers <= bad_answers_allowed)
        return;
    const milliseconds pause =
        std::min(first_pause * (1 << std::min(one.ejections, 10u)), longest_pause);
    ++one.ejections;
    // Half of the pause for certain, the other half by chance.
    const auto half = pause / 2;
    const milliseconds by_chance(jitter % static_cast<std::uint64_t>(half.count() + 1));
    one.ejected_until = (now + half + by_chance).time_since_epoch().count();
    if (was_up) one.since = now;
}

// A connection was made. Whether it answers exchanges, only an exchange can tell.
void endpoint_set::reached(state& one) noexcept {
    one.last = result::success;
    if (one.bad_answers == 0) reset(one);
}

void endpoint_set::reset(state& one) noexcept {
    one.ejected_until = 0;
    one.ejections = one.bad_answers = 0;
    if (one.bad_checks > 0) return; // checks have the last word about what they found
    one.last_error.reset();
    one.cause.clear();
    one.blemished = false;
}

bool endpoint_set::ejected(const state& one) noexcept {
    return one.ejected_until != 0 || one.check_failed;
}

bool endpoint_set::up(const state& one) noexcept {
    return one.last != result::none && !ejected(one);
}

endpoint_set::status endpoint_set::look(std::size_t endpoint) const {
    const std::lock_guard lock(mutex_);
    const state& one = states_[endpoint];
    const bool is_up = up(one);
    const bool on_trial = one.last == result::success && !one.check_failed;
    status out{is_up, is_up || on_trial, one.last_error, one.outstanding, {}, one.cause, one.since};
    if (one.ejected_until != 0)
        out.ejected_until = clock::time_point(clock::duration(one.ejected_until));
    if (one.check_failed) out.ejected_until = clock::time_point::max();
    return out;
}

} // namespace finpost
