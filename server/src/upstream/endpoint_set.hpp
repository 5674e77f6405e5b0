#pragma once

#include "finpost/error.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace finpost::detail {

/// Which endpoint of an upstream an exchange asks: decisions only, no sockets. Thread safe, and
/// without a lock or an allocation as long as all goes well.
///
/// The endpoint with the fewest exchanges has the next one; among equals they take turns. One that
/// failed is ejected: at once when it cannot be connected to, after five exchanges in a row without
/// an acceptable answer. Once in a pause, which grows with each failure and ends at a moment that
/// chance decides, one exchange finds out for all. When every endpoint is ejected they are asked
/// all the same, since there is nothing better.
///
/// Whether an endpoint is up changes only when something succeeded or failed there, never because
/// time has passed. Nobody knows of one that was never reached whether it is up.
class endpoint_set {
public:
    using clock = std::chrono::steady_clock;
    /// A set of endpoints: bit n is endpoint n.
    using mask = std::uint64_t;
    static constexpr std::size_t most_endpoints = 64;

    /// Why something failed at an endpoint.
    struct fault {
        fault(reason word) // NOLINT: a reason alone says it as well
            : why(word), cause(make_error_code(word).message()),
              connected(word != reason::upstream_unreachable) {}
        fault(reason word, std::string text, bool was_connected)
            : why(word), cause(std::move(text)), connected(was_connected) {}
        reason why;
        std::string cause; ///< for people: "Connection refused"
        bool connected;    ///< there was a connection
    };

    /// One exchange's hold on its endpoint; counts as outstanding until it goes.
    class selection {
    public:
        selection() noexcept = default;
        selection(selection&& other) noexcept
            : set_(std::exchange(other.set_, nullptr)), endpoint_(other.endpoint_),
              probe_(other.probe_) {}
        selection& operator=(selection&& other) noexcept {
            std::swap(set_, other.set_);
            std::swap(endpoint_, other.endpoint_);
            std::swap(probe_, other.probe_);
            return *this;
        }
        ~selection() { end(); }
        void end() noexcept;
        explicit operator bool() const noexcept { return set_ != nullptr; }
        std::size_t endpoint() const noexcept { return endpoint_; }

        /// A connection was made. Makes good a failure to connect, not one to answer. True when the
        /// endpoint was ejected before and is not any more.
        bool connected() const;
        /// A complete response came, whatever its status: the endpoint's record is clean. True
        /// likewise.
        bool answered() const;
        /// It could not be connected to, or gave no acceptable answer. True when it is ejected from
        /// now on and was not before. `jitter` is any random number.
        bool failed(const fault& what, clock::time_point now, std::uint64_t jitter) const;

    private:
        friend class endpoint_set;
        selection(endpoint_set& set, std::size_t endpoint, bool probe) noexcept
            : set_(&set), endpoint_(endpoint), probe_(probe) {}
        endpoint_set* set_ = nullptr;
        std::size_t endpoint_ = 0;
        bool probe_ = false;
    };

    /// At most `most_endpoints`. None of them was reached yet.
    explicit endpoint_set(std::size_t count, clock::time_point now = clock::now());

    /// The best endpoint for an exchange at `now` that is not in `tried`; none when all are. Those
    /// in `unknown` (their names were never found) are ejected like failed ones.
    selection choose(clock::time_point now, mask tried = 0, mask unknown = 0) noexcept;

    /// What a health check found: nothing when all is well; otherwise two in a row, or one when no
    /// check has succeeded yet, and the endpoint is ejected until a check succeeds. True when it is
    /// ejected from now on and was not before, or the other way round.
    bool checked(std::size_t endpoint, const std::optional<fault>& what, clock::time_point now);

    /// Whether somebody should try to connect to it: it was never reached, or what was tried there
    /// last has failed.
    bool in_doubt(std::size_t endpoint) const;
    /// What came of that: nothing when it was connected to. Does no more than an exchange that
    /// connects, and a failure is forgotten when something has succeeded meanwhile. True as with
    /// `checked`.
    bool probed(std::size_t endpoint, const std::optional<fault>& what, clock::time_point now,
                std::uint64_t jitter);

    struct status {
        bool up; ///< it was reached, and is not ejected
        /// An exchange would be sent there in good faith: it is up, or was ejected for its answers
        /// and has been connected to since. Whether it answers again only an exchange can tell.
        bool usable;
        std::optional<reason> last_error; ///< what was wrong last; none since all went well
        std::size_t outstanding;
        /// While it is ejected: until then, or `max()` until a health check succeeds. In the past
        /// when the next exchange is to find out.
        std::optional<clock::time_point> ejected_until;
        std::string cause;       ///< of the last error; empty without one
        clock::time_point since; ///< since when it is not up, if it is not
    };
    status look(std::size_t endpoint) const;
    std::size_t size() const noexcept { return states_.size(); }

private:
    enum class result { none, failure, success };
    // Each on its own cache line: the counts change with every exchange.
    struct alignas(64) endpoint_state {
        std::atomic<std::size_t> outstanding{0};
        std::atomic<clock::rep> ejected_until{0}; // 0: not ejected
        std::atomic<bool> probing{false};         // somebody finds out whether it is back
        std::atomic<bool> check_failed{false};
        std::atomic<bool> blemished{true}; // anything below is not as it is when all is well
        // Guarded by the mutex.
        result last = result::none;
        std::optional<reason> last_error;
        std::string cause; // of it
        clock::time_point since;
        unsigned ejections = 0;   // in a row
        unsigned bad_answers = 0; // in a row, on connections that were made
        unsigned bad_checks = 0;
        bool check_succeeded = false;
    };
    static bool ejected(const endpoint_state& state) noexcept;
    static bool up(const endpoint_state& state) noexcept;
    static void reset(endpoint_state& state) noexcept;
    static void reached(endpoint_state& state) noexcept;
    static void fail(endpoint_state& state, const fault& what, clock::time_point now,
                     std::uint64_t jitter);

    mutable std::mutex mutex_;
    std::vector<endpoint_state> states_;
    std::atomic<std::size_t> next_{0};
};

} // namespace finpost::detail
