#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <string_view>

namespace finpost {

/// The identifier of one exchange: a UUID version 7 (RFC 9562 §5.7), so identifiers sort by time.
/// A value of 36 bytes.
class FINPOST_EXPORT request_id {
public:
    /// A new identifier: the wall clock's milliseconds and 74 random bits. Thread safe.
    static request_id generate();

    /// The identifier made of a time since 1970 and random bits: what `generate` does, for tests.
    /// Of the time the lowest 48 bits are used, of `random_a` the lowest 12, of `random_b` the
    /// lowest 62.
    request_id(std::chrono::milliseconds since_epoch, std::uint64_t random_a,
               std::uint64_t random_b);

    /// "0190163d-8694-739b-aea5-966c26f8ad91"; valid as long as the object.
    std::string_view text() const noexcept { return {text_.data(), text_.size()}; }

    /// The identifier as a trace-id (W3C Trace Context §3.2.2.3): its 32 digits without the dashes.
    std::array<char, 32> trace_id() const noexcept;

    /// Whether a trace with this identifier is sampled when `share` of all are. 0 or less is none,
    /// 1 or more is all. The rightmost 56 bits decide, which are random in a UUIDv7. Another
    /// program that samples by the same rule, as OpenTelemetry's consistent samplers do, decides
    /// alike.
    bool sampled(double share) const noexcept;

    friend bool operator==(const request_id&, const request_id&) = default;
    friend auto operator<=>(const request_id&, const request_id&) = default;

private:
    std::array<char, 36> text_;
};

/// Reads what `request_id::text` writes, and nothing else.
FINPOST_EXPORT parsed<request_id> parse_request_id(std::string_view text);

} // namespace finpost
