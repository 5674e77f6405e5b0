#pragma once

#include "load_exchange.hpp"
#include "load_frame.hpp"
#include "load_histogram.hpp"
#include "load_payload.hpp"
#include "load_plan.hpp"
#include "load_replies.hpp"
#include "load_slow.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace finpost {

/// What a run came to.
struct load_result {
    std::array<std::uint64_t, all_load_outcomes.size()> outcomes{}; ///< in the order of their enum
    std::array<std::uint64_t, all_reasons.size()> refusals{}; ///< in the order of `all_reasons`
    latency_histogram latency;                                ///< of the exchanges that succeeded
    std::chrono::nanoseconds elapsed{}; ///< from the first connect to the last end
    std::chrono::microseconds cpu{};    ///< this process's, user and system, over `elapsed`
    std::uint64_t connections = 0;      ///< that were made
    std::uint64_t resent = 0;     ///< frames whose connection the gateway ended before their first
                                  ///< byte, or their reply's: each was sent again on a new one
    std::uint64_t unfinished = 0; ///< still running when the run was interrupted or given up
    std::uint64_t unsent = 0;     ///< open loop: arrivals for which no connection was free in time
    bool stalled = false;         ///< nothing succeeded for so long that the run was given up
    bool interrupted = false;
    slow_result slow;

    std::uint64_t ok() const noexcept { return outcomes[0]; }
    std::uint64_t failed() const noexcept;
};

/// Runs a plan against `target`: one thread, one epoll.
///
/// On bare system calls rather than Asio on purpose. A load generator shares the machine with what
/// it measures, and everything it costs is missing there: ten system calls an exchange and some
/// hundred instructions between them, no allocation, leave two thirds of what Asio would take. It
/// needs no strand, no timer a client and no cancellation, which is most of what Asio is for.
class load_engine {
public:
    using clock = load_exchange::clock;

    /// `interrupted` may be set from a signal handler or another thread; the run ends within 0.1 s.
    load_engine(const load_plan& plan, const socket_address& target,
                const std::atomic<bool>& interrupted);
    ~load_engine();
    load_engine(const load_engine&) = delete;
    load_engine& operator=(const load_engine&) = delete;

    /// Runs it all, once. `slow_in_place` is called with their number when the slow clients, if
    /// any, are connected. It ends by itself: at the plan's length, plus one timeout for what is in
    /// flight then, or after 20 s (or a timeout, when that is longer) without a success.
    load_result run(const std::function<void(std::size_t)>& slow_in_place);

private:
    bool starting(clock::time_point now) const noexcept;
    bool all_started() const noexcept;
    clock::time_point arrival(std::uint64_t n) const noexcept;
    void start_due();
    void start_one(std::size_t slot, clock::time_point since, clock::time_point now);
    void connect(std::size_t slot);
    void settle(std::size_t slot, load_outcome how);
    void end(std::size_t slot, load_outcome how);
    void wait();
    void expire(clock::time_point now);
    void run_exchanges();
    void count_unsent();

    const load_plan& plan_;
    const socket_address target_;
    const std::atomic<bool>& interrupted_;
    load_payloads payloads_;
    slow_clients slow_;
    std::optional<load_frame> frame_;
    std::vector<load_exchange> slots_;
    std::vector<framed_replies> replies_; // of the slots, with a frame
    std::vector<std::size_t> free_;
    std::vector<char> scratch_;
    load_result result_;
    int epoll_ = -1;
    std::uint64_t started_ = 0;
    std::uint64_t connects_ = 0;
    std::size_t ended_ = 0; // in this turn of the loop
    clock::time_point began_{};
    clock::time_point last_end_{};
    clock::time_point last_success_{};
    clock::time_point not_before_{}; // after a failed connection, for a moment
    clock::time_point next_expiry_{};
};

} // namespace finpost
