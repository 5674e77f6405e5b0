#pragma once

#include "finpost/error.hpp"
#include "finpost/export.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace finpost {

/// A number that only grows. Thread safe.
class counter {
public:
    // Release and acquire, so that a reader who sees a session's end has also seen its beginning.
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_release); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_acquire); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// A number that goes up and down. Thread safe.
class gauge {
public:
    /// Adds `n`, which may be negative, and returns the new value. Sequentially consistent: the
    /// buffer budget decides by it who must be woken.
    std::int64_t add(std::int64_t n) noexcept { return value_.fetch_add(n) + n; }
    /// Adds `n` unless the value would then be above `limit`; whether it did.
    bool add_within(std::int64_t n, std::int64_t limit) noexcept {
        std::int64_t seen = value_.load();
        while (seen <= limit - n)
            if (value_.compare_exchange_weak(seen, seen + n)) return true;
        return false;
    }
    std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

/// How long things took, in fixed buckets. Thread safe.
class histogram {
public:
    /// Upper bounds in seconds; one bucket more counts what is above the last.
    static constexpr std::array<double, 14> bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                   0.1,    0.25,  0.5,    1.0,   2.5,  10.0,  30.0};

    /// One more, of that length.
    FINPOST_EXPORT void record(std::chrono::nanoseconds took) noexcept;

    struct snapshot {
        std::array<std::uint64_t, bounds.size() + 1> buckets; ///< not cumulative
        double sum_seconds;
    };
    /// While lengths are recorded, sum and buckets may differ by those.
    FINPOST_EXPORT snapshot read() const noexcept;

private:
    std::array<counter, bounds.size() + 1> buckets_;
    counter sum_nanoseconds_;
};

/// What a gateway and its upstream count, from zero. Counters and gauges are read from any thread,
/// at any time. One object may serve several gateways, which count together then.
///
/// Lifetime: it outlives the gateway, the upstream and the last session.
///
/// Always true: accepted + further = replied + queued + refused + aborted + probes + in flight. So
/// for exchanges; of connections, accepted = ended + in flight + between_frames. `read_sessions`
/// gives a view in which the first holds even while the numbers move.
struct metrics {
    counter accepted; ///< connections, each with its first exchange
    counter further;  ///< exchanges on a connection that had one before: only where frames are read
    counter replied;  ///< the complete reply was written
    counter queued;   ///< the receipt was written: the payload is stored
    std::array<counter, all_reasons.size()> refused; ///< in the order of `all_reasons`
    counter aborted;      ///< reset by the client, or the reply could not be written
    counter probes;       ///< ended by the client without a byte
    gauge between_frames; ///< connections that had an exchange and wait for the next frame now
    counter heartbeats;   ///< empty frames, and bytes passed over before a frame
    counter cut; ///< in flight when a stop ended them: refused (`draining`, `upstream_incomplete`)
                 ///< or aborted

    counter payload_bytes; ///< received, before decoding
    counter reply_bytes;   ///< written as replies, after encoding
    gauge buffered_bytes;  ///< held by payloads and replies now
    gauge spilled_bytes;   ///< of payloads and replies, in files now: not among the buffered ones
    counter client_gone;   ///< the client had reset before its reply was written
    counter accept_errors; ///< failed accepts, resources missing

    histogram exchange_seconds; ///< from accept to the end
    histogram upstream_seconds; ///< in the handler

    gauge upstream_busy;      ///< upstream connections that carry an exchange
    gauge upstream_idle;      ///< upstream connections kept for the next
    counter upstream_retries; ///< requests sent again because a kept connection had been closed, or
                              ///< ended by a 408
    counter upstream_ejections; ///< how often an endpoint was ejected

    /// Of payloads in a queue.
    struct queue_counters {
        counter recovered;          ///< there at the start; in a database: with a lease run out
        counter stored;             ///< a receipt was given
        counter delivered;          ///< the service has taken it, and it was removed
        counter dropped;            ///< removed by an operator
        counter dead_refused;       ///< dead letters: by a status that says so
        counter dead_expired;       ///< dead letters: tried for too long
        counter attempts_delivered; ///< attempts, by what they came to
        counter attempts_again;
        counter attempts_misdirected; ///< tried again, but the status is about the configuration
        counter attempts_dead;
        histogram commit_seconds; ///< of the store
    };
    queue_counters queue;

    /// Of the refusals with that reason.
    counter& refused_for(reason why) noexcept { return refused[static_cast<std::size_t>(why) - 1]; }

    struct sessions {
        std::uint64_t accepted, further, replied, queued, refused, aborted, probes;
        std::uint64_t in_flight; ///< exchanges
        std::uint64_t active;    ///< connections
    };
    /// The identity of exchanges holds in what is returned.
    FINPOST_EXPORT sessions read_sessions() const noexcept;
};

} // namespace finpost
