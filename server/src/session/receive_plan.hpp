#pragma once

#include "finpost/config.hpp"
#include "finpost/error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace finpost::detail {

/// How much to read next when `have` bytes are there: few and growing reads, and never more than
/// one byte beyond `limit`, which is enough to know that it was passed.
std::size_t next_read(std::size_t have, std::uint64_t limit) noexcept;

/// Decides how one payload is received: when to look, to grow the buffer, to read and to wait, when
/// it goes to a file or becomes a stream, and when it is over.
///
/// Plain code: the receiver performs a step, tells what came of it, and gets the next step. It has
/// no socket and no clock. Belongs to one exchange.
class receive_plan {
public:
    enum class action : std::uint8_t {
        peek,            ///< look whether anything is there, before a full buffer grows
        reserve,         ///< make the buffer larger by `size` bytes
        wait_for_memory, ///< the budget has not that much: wait until it has
        read,            ///< read at most `size` bytes
        look_for_end,    ///< peek: is the end behind what is there?
        wait,            ///< give back the free space, and wait until something is there
        yield,           ///< let other exchanges of the event loop go on
        to_file,         ///< what is there goes to a file, and so does the rest
        stream,          ///< it goes on as a stream
        done,            ///< `error` says how it ended; none: the payload is complete
    };
    struct step {
        action what;
        std::size_t size = 0;
        /// Queue for memory before `reserve`: what grows now is large.
        bool join_queue = false;
        error_code error = {};
    };

    /// The buffer as it is.
    struct buffer {
        std::size_t size;
        std::size_t free;
    };

    /// What a read brought, beside its bytes.
    struct reading {
        std::chrono::nanoseconds elapsed; ///< since the payload began, without our own pauses
        bool unwanted;                    ///< its first bytes say that it goes nowhere
        bool may_stream;                  ///< its first bytes say that it is a payload
    };

    /// `spill_above`: what may be held in memory; `UINT64_MAX` without files.
    receive_plan(const gateway_config& limits, std::uint64_t spill_above) noexcept;

    /// The first step, and the one after `yield` and after `wait`.
    step next(buffer now) noexcept;
    step peeked(error_code error, buffer now) noexcept;
    step reserved(bool done, buffer now) noexcept;
    /// `error` is `busy` when memory did not come in time; `time_left`: `receive_total` has not
    /// passed.
    step memory_came(error_code error, bool time_left, buffer now) noexcept;
    step read(const reading& of, buffer now) noexcept;
    /// A read or a peek brought no byte: nothing is there yet (`would_block`), the end (`eof`), or
    /// the connection has failed.
    step no_bytes(error_code error) const noexcept;
    step end_looked_for(error_code error, buffer now) noexcept;

    /// The most that the payload may need in memory, and that of a stream's buffers.
    std::uint64_t most_in_memory() const noexcept { return most_; }
    bool may_spill() const noexcept { return may_spill_; }

private:
    bool must_queue(buffer now) const noexcept { return now.size >= unqueued_ && !queued_; }
    step grow_or_read(buffer now) noexcept;
    step read_into(buffer now) const noexcept;
    step go_on(buffer now) noexcept;

    const std::uint64_t max_payload_, min_rate_;
    const std::uint64_t stream_above_; // UINT64_MAX: never
    const bool may_spill_;
    const std::uint64_t spill_above_;
    const std::uint64_t in_memory_;
    const std::uint64_t most_;
    const std::size_t unqueued_; // what may be held without the queue for memory
    std::size_t wanted_ = 0;     // by the pending `reserve`
    bool queued_ = false;
};

} // namespace finpost::detail
