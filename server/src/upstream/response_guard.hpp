#pragma once

#include "policy/buffer_budget.hpp"
#include "upstream/chunk_decoder.hpp"
#include "upstream/response_head.hpp"

#include "finpost/error.hpp"
#include "finpost/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace finpost::detail {

class spill_policy;

/// Decides what an upstream's bytes are: one complete HTTP/1.1 response, part of one, or something
/// that must not be relayed. No socket inside; the forwarder reads what this asks for.
///
/// Strict where a gateway between two parties has to be: the head as `response_head_reader` says, a
/// status of 200-599 after interim responses of 64 KiB at the most, every byte counted (RFC 9112
/// §6.3; RFC 9110 §15). What cannot become a response fails at once, with its cause and place.
class response_guard {
public:
    enum class state { more, complete, failed };

    /// What becomes of a body: it is kept until it is complete, or streamed as it comes.
    enum class body { kept, streamed };

    /// The body may have `max_body` bytes; all memory is taken from `budget` (null: unlimited).
    /// What `files` says is too large for memory, or finds none, goes to a file when it is kept
    /// (null: nothing does). What stays in memory and is not small grows in the budget's queue.
    response_guard(std::uint64_t max_body, byte_budget* budget, body becomes = body::kept,
                   const spill_policy* files = nullptr);
    response_guard(const response_guard&) = delete;
    response_guard& operator=(const response_guard&) = delete;

    /// The content codings that were asked for; until this is said, any will do. They matter where
    /// a body is handed on: of a success, and of every status when `relays_all`.
    void asked_for(const content_codings& accepted, bool relays_all) noexcept;
    /// The connection has carried a response before: line ends that it left behind are passed over.
    void follows_another() noexcept;

    /// The buffer the next bytes go to and how much room it should have. `make_room` reserves it;
    /// false when the budget has not that much: then the caller waits for what is `lacking`, and
    /// asks again. A head never lacks anything, nor does what can go to a file.
    payload& buffer() noexcept { return raw_; }
    std::size_t read_size_hint() const noexcept;
    bool make_room();
    struct shortfall {
        payload* of;
        std::size_t size;
    };
    shortfall lacking() const noexcept { return lacking_; }
    /// Whether the body goes to a file: the buffer is only on its way there, and need not be kept
    /// between reads.
    bool spills() const noexcept { return spills_; }

    /// `n` bytes were read into the buffer's room. After `complete` or `failed`, no more is read.
    state received(std::size_t n);

    /// The upstream closed its side: the end of a body that is delimited so, a cut otherwise.
    state closed();

    /// The connection broke.
    state cut();

    /// Why it failed: `upstream_invalid`, `upstream_incomplete`, `reply_too_large`, `busy` or
    /// `spill_failed`.
    reason why() const noexcept { return why_; }
    /// The same in words, and the byte of what came where the fault begins, or where the bytes end.
    std::string_view what() const noexcept { return what_; }
    std::uint64_t offset() const noexcept { return offset_; }

    /// Whether a single byte of a response has come.
    bool started() const noexcept { return bytes_received_ > passed_over_; }
    /// How many bytes of the response have come.
    std::uint64_t bytes_received() const noexcept { return bytes_received_; }
    /// 0 until a final status line was read.
    int status() const noexcept { return status_; }
    /// What the final response says in Retry-After; empty without one.
    std::string_view retry_after() const noexcept { return head_.head().retry_after(); }
    /// Of the final response.
    bool http_1_0() const noexcept { return http_1_0_; }
    /// When complete: whether the connection may carry another exchange.
    bool reusable() const noexcept { return reusable_; }
    /// When complete: how many bytes have been read that lie behind it, and whether its body has
    /// none.
    std::size_t behind() const noexcept { return behind_; }
    bool without_body() const noexcept;
    /// Of a streamed body: what of it is there, to be dropped by `consume` before more is read.
    std::span<const std::byte> data() const noexcept;
    state consume(std::size_t n);

    /// When complete: the body.
    payload take_body() noexcept;

private:
    enum class part { head, sized, chunked, until_close };

    state advance();
    state advance_stream();
    state read_head();
    state judge_head();
    void pass_over_line_ends() noexcept;
    std::uint64_t expected() const noexcept;
    void join_queue();
    bool reserve(payload& bytes, std::size_t n);
    void spill();
    state write_to_file();
    state finish(std::size_t body_size);
    state too_much(std::uint64_t before) noexcept;
    state fail(reason why, std::string_view what, std::size_t at = 0) noexcept;

    const std::uint64_t max_body_;
    const bool streams_body_;
    std::uint64_t passed_ = 0; // of the body
    const spill_policy* const files_;
    payload raw_;  // what was read and not yet consumed; in the end the body itself, unless that is
                   // in `body_`
    payload body_; // decoded chunks, and whatever is spilled
    buffer_budget* const all_;            // null where there is no queue
    std::optional<growth_ticket> ticket_; // in the queue
    shortfall lacking_{&raw_, 0};
    chunk_decoder chunks_;
    part part_ = part::head;
    std::uint64_t length_ = 0; // of a sized body
    const content_codings* codings_ = nullptr;
    bool relays_all_ = false;
    response_head_reader head_;
    std::uint64_t bytes_received_ = 0;
    std::size_t left_over_ = 0;   // as many line ends may still be passed over
    std::size_t passed_over_ = 0; // of them
    std::size_t interim_ = 0;     // bytes of heads of interim responses
    std::size_t behind_ = 0;
    int status_ = 0;
    std::string_view what_;
    std::uint64_t offset_ = 0;
    reason why_ = reason::upstream_invalid;
    bool spills_ = false;
    bool unwritten_ = false; // the file did not take it
    bool tidy_ = true;       // nothing that makes one doubt the connection
    bool http_1_0_ = false;
    bool reusable_ = false;
};

} // namespace finpost::detail
