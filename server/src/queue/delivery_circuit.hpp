#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace finpost::detail {

/// How many payloads may be under way to a service: all of them while it answers, one that probes
/// while it does not, and few at first when it is back, so that a backlog does not bring it down
/// again. Plain code, told the time. Not thread safe.
class delivery_circuit {
public:
    using clock = std::chrono::steady_clock;
    using milliseconds = std::chrono::milliseconds;

    struct limits {
        std::size_t deliveries = 8; ///< at once; 1 at least
        /// So many failures without an answer between them, and the service is down.
        std::size_t failures = 5;
        milliseconds probe_first = std::chrono::seconds(1); ///< doubled with each probe that fails
        milliseconds probe_most = std::chrono::seconds(30);
    };

    explicit delivery_circuit(limits rules) noexcept : rules_(rules), at_once_(rules.deliveries) {}

    /// How many more may be claimed, with so many under way.
    std::size_t free(clock::time_point now, std::size_t under_way) const noexcept;

    /// The service took a payload, or said for good that it does not want it.
    void answered() noexcept;

    /// It was not reached, did not answer, or asked for another time. `all_down`: no endpoint can
    /// be used. `random` is from 0 up to 1.
    void unavailable(clock::time_point now, bool all_down, double random) noexcept;

    /// Whether only a probe is let through.
    bool open() const noexcept { return probe_at_.has_value(); }
    /// When the next probe may go; nothing while the service answers.
    std::optional<clock::time_point> probe_at() const noexcept { return probe_at_; }

private:
    limits rules_;
    std::size_t at_once_; // grows again by one with each answer
    std::size_t failures_ = 0;
    milliseconds pause_{};
    std::optional<clock::time_point> probe_at_;
};

} // namespace finpost::detail
