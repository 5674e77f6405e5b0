#include "finpost/metrics.hpp"

#include <algorithm>
#include <numeric>

namespace finpost {

void histogram::record(std::chrono::nanoseconds took) noexcept {
    const double seconds = std::chrono::duration<double>(took).count();
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), seconds) - bounds.begin();
    buckets_[static_cast<std::size_t>(bucket)].add();
    sum_nanoseconds_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
}

histogram::snapshot histogram::read() const noexcept {
    snapshot out{};
    std::transform(buckets_.begin(), buckets_.end(), out.buckets.begin(),
                   [](const counter& bucket) { return bucket.value(); });
    out.sum_seconds = static_cast<double>(sum_nanoseconds_.value()) / 1e9;
    return out;
}

metrics::sessions metrics::read_sessions() const noexcept {
    sessions out{};
    // Ends first: a session is accepted before it ends, so what is accepted can only be more.
    out.replied = replied.value();
    out.queued = queued.value();
    out.aborted = aborted.value();
    out.probes = probes.value();
    out.refused =
        std::accumulate(refused.begin(), refused.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const counter& c) { return sum + c.value(); });
    out.further = further.value();
    out.accepted = accepted.value();
    out.in_flight = out.accepted + out.further - out.replied - out.queued - out.aborted -
                    out.probes - out.refused;
    out.active = out.in_flight +
                 static_cast<std::uint64_t>(std::max<std::int64_t>(between_frames.value(), 0));
    return out;
}

} // namespace finpost
