#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/export.hpp"
#include "finpost/payload.hpp"
#include "finpost/request_id.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// Where a payload of a queue stands.
enum class queue_state {
    waiting,   ///< to be delivered; one that has a lease is being delivered
    dead,      ///< a dead letter: until somebody replays or drops it
    set_aside, ///< damaged: its bytes are not what was stored
};
inline constexpr std::array all_queue_states{queue_state::waiting, queue_state::dead,
                                             queue_state::set_aside};

/// "waiting", "dead", "set_aside".
FINPOST_EXPORT std::string_view to_string(queue_state state) noexcept;

/// A payload as it is given to a queue. Movable, not copyable.
struct new_payload {
    /// Unique in a queue. Storing an id that is there already changes nothing.
    request_id id;
    /// What the service recognises a repetition by. Not unique: each payload has its row.
    std::string idempotency_key = {};
    /// Which listener took it, and which upstream it is for: names of the configuration.
    std::string listener = {};
    std::string upstream = {};
    /// The client's address, and the name in its certificate (empty without one).
    socket_address peer = {};
    std::string tls_name = {};
    /// Where the client connected to.
    socket_address local = {};
    /// Any size, in memory or in a file.
    payload body = {};
};

/// What a queue knows about a payload, without its bytes. Times are of the queue's own clock.
struct queue_entry {
    using time_point = std::chrono::sys_time<std::chrono::milliseconds>;

    request_id id;
    std::string idempotency_key = {};
    /// The order of storing; 1 at least.
    std::uint64_t sequence = 0;
    std::string listener = {};
    std::string upstream = {};
    socket_address peer = {};
    std::string tls_name = {};
    socket_address local = {};
    time_point accepted_at = {};
    /// When it began to wait: when it was stored, or replayed. The age of a dead letter counts from
    /// here.
    time_point waiting_since = {};
    /// Of the body, in bytes, and its CRC-32C (RFC 3720 §B.4).
    std::uint64_t size = 0;
    std::uint32_t crc32c = 0;
    queue_state state = queue_state::waiting;
    /// How often it was claimed since it began to wait.
    std::uint32_t attempts = 0;
    /// When it can be claimed. Nothing: behind another one of its source.
    std::optional<time_point> due = {};
    /// Until when `lease_owner` has it; the epoch without a lease.
    time_point lease_until = {};
    std::string lease_owner = {};
    /// Of the last attempt: the HTTP status (0: no answer), and what went wrong.
    int last_status = 0;
    std::string last_error = {};
};

/// A payload of a queue with its bytes. A large body may be a file of the queue's: it stays
/// readable after the payload has been delivered. Movable, not copyable.
struct stored_payload {
    queue_entry entry;
    payload body = {};
    /// Since `waiting_since`, by the queue's clock; negative when a clock was set back.
    std::chrono::milliseconds age = {};
};

/// What `queue_store::async_claim` gives.
struct claimed_payloads {
    std::vector<stored_payload> payloads;
    /// How long it takes until the next one for the upstream is due or a lease ends; nothing when
    /// none waits. More may be due at once when as many were claimed as were asked for.
    std::optional<std::chrono::milliseconds> next_due;
};

/// Says which claim of a payload an outcome belongs to.
struct held_payload {
    request_id id;
    std::string owner = {};
    /// `queue_entry::attempts` as it was claimed.
    std::uint32_t attempts = 0;
};

/// What an attempt ended with.
struct attempt_failure {
    int status = 0;        ///< the HTTP status; 0: no answer
    std::string what = {}; ///< in one line, for people; at most 1 KiB of it is kept
};

/// Which payloads are meant: all for which everything that is given here holds. For `ids`: one of
/// them, at most 1,000.
struct queue_filter {
    std::vector<request_id> ids = {};
    std::optional<queue_state> state = {};
    std::optional<std::string> listener = {};
    std::optional<std::string> upstream = {};
};

/// A part of them, in the order of their sequence.
struct queue_page {
    /// Only what has a greater sequence.
    std::uint64_t after = 0;
    /// At most so many; 1 to 10,000.
    std::size_t most = 1000;
};

/// What is in a queue. It is kept, not counted: asking is cheap.
struct queue_stats {
    struct of_state {
        std::uint64_t payloads = 0;
        std::uint64_t bytes = 0; ///< of the bodies
        friend bool operator==(const of_state&, const of_state&) = default;
    };
    /// In the order of `all_queue_states`. What is being delivered is among the waiting.
    std::array<of_state, all_queue_states.size()> states = {};
    std::uint64_t delivering = 0; ///< has a lease that has not run out
    std::uint64_t bytes = 0;      ///< of all states
    std::uint64_t max_bytes = 0;  ///< above it a put is `queue_error::full`
    /// The age of the oldest that waits; nothing when none does.
    std::optional<std::chrono::milliseconds> oldest = {};

    const of_state& of(queue_state state) const noexcept {
        return states[static_cast<std::size_t>(state)];
    }
    of_state& of(queue_state state) noexcept { return states[static_cast<std::size_t>(state)]; }
};

} // namespace finpost
