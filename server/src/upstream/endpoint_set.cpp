#include "upstream/endpoint_set.hpp"

#include <algorithm>
#include <limits>

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;
constexpr milliseconds first_ejection{100};
constexpr milliseconds longest_ejection{10'000};
constexpr unsigned bad_answers_allowed = 4; // one more in a row, and the endpoint is ejected
constexpr unsigned bad_checks_allowed = 1;
constexpr auto relaxed = std::memory_order_relaxed;

} // namespace

endpoint_set::endpoint_set(std::size_t count, clock::time_point now) : states_(count) {
    for (endpoint_state& state : states_) state.since = now;
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
        endpoint_state& state = states_[endpoint];
        const std::size_t outstanding = state.outstanding.load(relaxed);
        if (outstanding < any.outstanding) any = {endpoint, outstanding};
        if (state.check_failed.load(relaxed) || (unknown >> endpoint & 1)) continue;
        const clock::rep until = state.ejected_until.load(relaxed);
        if (until != 0) {
            if (now.time_since_epoch().count() < until || state.probing.load(relaxed) ||
                state.probing.exchange(true))
                continue;
            state.outstanding.fetch_add(1, relaxed);
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
    endpoint_state& mine = std::exchange(set_, nullptr)->states_[endpoint_];
    mine.outstanding.fetch_sub(1, relaxed);
    if (probe_) mine.probing = false;
}

bool endpoint_set::selection::connected() const {
    endpoint_state& mine = set_->states_[endpoint_];
    if (!mine.blemished.load(relaxed)) return false;
    const std::lock_guard lock(set_->mutex_);
    const bool was_ejected = ejected(mine);
    reached(mine);
    return was_ejected && !ejected(mine);
}

bool endpoint_set::selection::answered() const {
    endpoint_state& mine = set_->states_[endpoint_];
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
    endpoint_state& mine = set_->states_[endpoint_];
    const bool was_ejected = ejected(mine);
    fail(mine, what, now, jitter);
    return !was_ejected && ejected(mine);
}

bool endpoint_set::checked(std::size_t endpoint, const std::optional<fault>& what,
                           clock::time_point now) {
    const std::lock_guard lock(mutex_);
    endpoint_state& state = states_[endpoint];
    const bool was_ejected = ejected(state), was_up = up(state);
    if (what) {
        state.cause = what->cause;
        state.blemished = true;
        state.last_error = what->why;
        state.last = result::failure;
        const unsigned allowed = state.check_succeeded ? bad_checks_allowed : 0;
        if (++state.bad_checks > allowed) state.check_failed = true;
    } else {
        state.check_succeeded = true;
        state.check_failed = false;
        state.bad_checks = 0;
        reached(state);
    }
    if (was_up && !up(state)) state.since = now;
    return was_ejected != ejected(state);
}

bool endpoint_set::in_doubt(std::size_t endpoint) const {
    const std::lock_guard lock(mutex_);
    return states_[endpoint].last != result::success;
}

bool endpoint_set::probed(std::size_t endpoint, const std::optional<fault>& what,
                          clock::time_point now, std::uint64_t jitter) {
    const std::lock_guard lock(mutex_);
    endpoint_state& state = states_[endpoint];
    const bool was_ejected = ejected(state);
    if (!what)
        reached(state);
    else if (state.last != result::success)
        fail(state, *what, now, jitter);
    return was_ejected != ejected(state);
}

// Under the mutex, like all that follow.
void endpoint_set::fail(endpoint_state& state, const fault& what, clock::time_point now,
                        std::uint64_t jitter) {
    const bool was_up = up(state);
    state.cause = what.cause;
    state.blemished = true;
    state.last_error = what.why;
    state.last = result::failure;
    // An endpoint that comes back after that may be another: its answers are not known yet.
    if (!what.connected) state.bad_answers = 0;
    // Exchanges that fail at the same time are one failure, or the pause would grow with the load.
    if (state.ejected_until != 0 && now.time_since_epoch().count() < state.ejected_until) return;
    // The probe's word is enough; for the others, one bad answer may be one bad payload.
    if (what.connected) ++state.bad_answers;
    if (what.why != reason::upstream_unreachable && state.ejected_until == 0 &&
        state.bad_answers <= bad_answers_allowed)
        return;
    const milliseconds pause =
        std::min(first_ejection * (1 << std::min(state.ejections, 10u)), longest_ejection);
    ++state.ejections;
    // Half of the pause for certain, the other half by chance.
    const auto half = pause / 2;
    const milliseconds by_chance(jitter % static_cast<std::uint64_t>(half.count() + 1));
    state.ejected_until = (now + half + by_chance).time_since_epoch().count();
    if (was_up) state.since = now;
}

// A connection was made. Whether it answers exchanges, only an exchange can tell.
void endpoint_set::reached(endpoint_state& state) noexcept {
    state.last = result::success;
    if (state.bad_answers == 0) reset(state);
}

void endpoint_set::reset(endpoint_state& state) noexcept {
    state.ejected_until = 0;
    state.ejections = state.bad_answers = 0;
    if (state.bad_checks > 0) return; // checks have the last word about what they found
    state.last_error.reset();
    state.cause.clear();
    state.blemished = false;
}

bool endpoint_set::ejected(const endpoint_state& state) noexcept {
    return state.ejected_until != 0 || state.check_failed;
}

bool endpoint_set::up(const endpoint_state& state) noexcept {
    return state.last != result::none && !ejected(state);
}

endpoint_set::status endpoint_set::look(std::size_t endpoint) const {
    const std::lock_guard lock(mutex_);
    const endpoint_state& state = states_[endpoint];
    const bool is_up = up(state);
    const bool on_trial = state.last == result::success && !state.check_failed;
    status out{is_up, is_up || on_trial, state.last_error, state.outstanding,
               {},    state.cause,       state.since};
    if (state.ejected_until != 0)
        out.ejected_until = clock::time_point(clock::duration(state.ejected_until));
    if (state.check_failed) out.ejected_until = clock::time_point::max();
    return out;
}

} // namespace finpost::detail
