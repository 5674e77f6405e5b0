#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace finpost {

/// Latencies of a run, counted in fixed memory whatever the number of exchanges.
///
/// Log-linear in the manner of HDR histograms: every power of two is cut into 128 equal buckets, so
/// a value read back is off by less than 1 % (half a bucket, 0.4 %). Values below 256 ns are exact;
/// above some 18 minutes they count as that. Smallest, largest and mean are exact.
class latency_histogram {
public:
    using span = std::chrono::nanoseconds;

    /// A negative latency counts as none.
    void record(span latency) noexcept {
        const auto value = static_cast<std::uint64_t>(std::max(latency, span::zero()).count());
        ++buckets_[bucket_of(value)];
        ++count_;
        sum_ += value;
        least_ = std::min(least_, value);
        most_ = std::max(most_, value);
    }

    std::uint64_t count() const noexcept { return count_; }
    /// Zero without values, like every figure below.
    span min() const noexcept { return count_ == 0 ? span::zero() : to_span(least_); }
    span max() const noexcept { return to_span(most_); }
    span mean() const noexcept { return to_span(count_ == 0 ? 0 : sum_ / count_); }

    /// The smallest recorded value (to the bucket) that at least `percent` of all values do not
    /// exceed: the nearest-rank percentile, 0 < percent <= 100.
    span percentile(double percent) const noexcept {
        const double wanted = percent / 100.0 * static_cast<double>(count_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (seen == 0 || static_cast<double>(seen) < wanted) continue;
            // The ends are known exactly, and the middle of a bucket may lie beyond them.
            return to_span(std::clamp(middle_of(i), least_, most_));
        }
        return max();
    }

private:
    static constexpr std::size_t steps = 128; // buckets in a power of two
    static constexpr int step_bits = 7;
    static constexpr int top_bit = 40; // 2^40 ns are 18 minutes

    static span to_span(std::uint64_t value) noexcept {
        return span(static_cast<span::rep>(value));
    }

    // Below 2 * steps a bucket is one value. Above, `shift` low bits are dropped, and what is left
    // lies between steps and 2 * steps: each shift continues where the one before ended.
    static std::size_t bucket_of(std::uint64_t value) noexcept {
        value = std::min(value, (std::uint64_t{1} << top_bit) - 1);
        const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - 1 - step_bits);
        return static_cast<std::size_t>(shift) * steps + static_cast<std::size_t>(value >> shift);
    }

    static std::uint64_t middle_of(std::size_t bucket) noexcept {
        if (bucket < 2 * steps) return bucket;
        const std::size_t shift = bucket / steps - 1;
        const std::uint64_t low = (bucket - shift * steps) << shift;
        return low + (std::uint64_t{1} << shift) / 2;
    }

    std::array<std::uint64_t, (top_bit - step_bits + 1) * steps> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t least_ = UINT64_MAX;
    std::uint64_t most_ = 0;
};

} // namespace finpost
