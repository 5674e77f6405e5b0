#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace finpost {

/// Which endpoint of an upstream to ask first: decisions only, no sockets. Thread safe.
///
/// Endpoints take turns. One that failed is avoided for a while, longer with each failure in a row and
/// not all at the same moment again; when every endpoint is avoided they are asked all the same, since
/// there is nothing better.
class endpoint_set {
public:
    using clock = std::chrono::steady_clock;

    explicit endpoint_set(std::size_t count);

    /// The order in which to try the endpoints for an exchange at `now`.
    std::vector<std::size_t> order(clock::time_point now);

    /// A connection to `endpoint` could not be made. `jitter` is any random number.
    void failed(std::size_t endpoint, clock::time_point now, std::uint64_t jitter);
    void succeeded(std::size_t endpoint);

    /// Not avoided at `now`.
    bool up(std::size_t endpoint, clock::time_point now) const;
    std::size_t size() const noexcept { return states_.size(); }

private:
    struct state {
        unsigned failures = 0;
        clock::time_point down_until{};
    };

    mutable std::mutex mutex_;
    std::vector<state> states_;
    std::size_t next_ = 0;
};

} // namespace finpost
