#pragma once

#include "queue/postgres/statement.hpp"

#include "finpost/queued_payload.hpp"
#include "finpost/result.hpp"

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace finpost::detail {

/// What the statements of a gateway have in common.
struct postgres_terms {
    std::string writer; ///< whose rows of the books change
    std::uint64_t max_bytes = 0;
    bool ordered = false; ///< of a source one after another
};

// Each adds the statements of one thing that a store is asked for: those that keep the order of
// sources first, and last the one whose answer counts.

/// Stores all of `batch`, or nothing: the answer is whether there is room. `again`: it was sent
/// before, and what is there is written again, room or not; the answer means nothing. Fails when a
/// body cannot be read, or they have more than 512 MiB.
error_code ask_put(const postgres_terms& terms, const std::vector<const new_payload*>& batch,
                   bool again, postgres_statements& out);

/// A claim takes payloads until they have so many bytes, one more included.
inline constexpr std::int64_t claimed_bytes = 16 << 20;
struct claim_terms {
    std::string owner, upstream;
    std::size_t most;
    std::chrono::milliseconds lease;
    bool bodies = true; ///< or rows with empty ones
};
/// The last but one gives what was claimed, and in this column whether another claim's lease had
/// run out; the last when the next is due.
inline constexpr int lease_had_run_out = 22;
void ask_claim(const claim_terms& what, postgres_statements& out);

/// The body of one that is still held by this claim; no row otherwise.
void ask_body(const held_payload& held, postgres_statements& out);

void ask_delivered(const postgres_terms& terms, const std::vector<request_id>& ids,
                   postgres_statements& out);
void ask_failed(const held_payload& held, std::chrono::milliseconds retry_in,
                const attempt_failure& why, postgres_statements& out);
/// It leaves those that wait: it is dead, or set aside.
void ask_ended(const postgres_terms& terms, const held_payload& held, queue_state now,
               const attempt_failure& why, postgres_statements& out);
void ask_list(const queue_filter& filter, queue_page page, postgres_statements& out);
void ask_show(const request_id& id, bool body, postgres_statements& out);
void ask_replay(const postgres_terms& terms, const queue_filter& filter, queue_page page,
                postgres_statements& out);
void ask_drop(const postgres_terms& terms, const queue_filter& filter, queue_page page,
              postgres_statements& out);
void ask_stats(postgres_statements& out);

/// A row of a claim, of `ask_list` or of `ask_show`. Fails when it is none of finpost's.
result<stored_payload> read_payload(const postgres_answer& answer, std::size_t row);
queue_stats read_stats(const postgres_answer& answer);

} // namespace finpost::detail
