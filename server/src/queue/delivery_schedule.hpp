#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace finpost::detail {

/// What becomes of a payload by the answer that a service gave it.
enum class delivery_verdict {
    delivered,
    again,            ///< the service is not there, or not well: later
    again_with_alert, ///< the configuration is wrong, and somebody has to know: later as well
    dead,             ///< the service does not want it: a dead letter
};

/// By the HTTP status; 0, and what is no final status, is a failure to connect or to answer.
delivery_verdict judge_status(int status) noexcept;

struct delivery_rules {
    using milliseconds = std::chrono::milliseconds;

    milliseconds retry_first = std::chrono::seconds(1); ///< doubled with each attempt; positive
    milliseconds retry_most = std::chrono::minutes(5);  ///< at least `retry_first`
    milliseconds retry_for = std::chrono::hours(24);    ///< above that age a dead letter
    milliseconds longest_retry_after = std::chrono::hours(1); ///< no service may ask for more
};

/// One attempt that has ended, as the queue tells of it.
struct delivery_attempt {
    int status = 0;             ///< 0: no answer
    std::uint32_t attempts = 1; ///< with this one
    /// Since it began to wait; negative when a clock was set back meanwhile.
    std::chrono::milliseconds age = {};
    /// What the service asked for by `Retry-After`.
    std::optional<std::chrono::milliseconds> retry_after = {};
};

struct delivery_decision {
    delivery_verdict verdict = delivery_verdict::dead;
    std::chrono::milliseconds retry_in = {}; ///< where it is tried again
    bool too_old = false;                    ///< why it is dead: it was tried for long enough
};

/// When a payload is tried again, and when no longer. Plain code: it is told the age, and a random
/// number from 0 up to 1.
///
/// Ages come from a clock that may have been set while no process was running. One that was set
/// forward makes nothing a dead letter that was hardly tried (`fewest_attempts`). One that was set
/// back makes no age, and the attempts are counted instead: as many as fit into `retry_for`.
class delivery_schedule {
public:
    using milliseconds = std::chrono::milliseconds;
    static constexpr std::uint32_t fewest_attempts = 3;

    explicit delivery_schedule(delivery_rules rules = {}) noexcept : rules_(rules) {}

    delivery_decision after(const delivery_attempt& attempt, double random) const noexcept;

    /// Between the half and the whole of the doubled pause: many that failed together do not come
    /// back together.
    milliseconds back_off(std::uint32_t attempts, double random) const noexcept;

private:
    bool too_old(const delivery_attempt& attempt) const noexcept;

    delivery_rules rules_;
};

} // namespace finpost::detail
