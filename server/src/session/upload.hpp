#pragma once

#include "policy/buffer_budget.hpp"
#include "policy/foreign.hpp"
#include "session/payload_codec.hpp"
#include "session/payload_input.hpp"

#include "finpost/config.hpp"
#include "finpost/payload.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

namespace finpost::detail {

class single_writer_counter;
class spill_policy;

/// Who is told that a frame begins.
class frame_watcher {
public:
    virtual void frame_begun() = 0;

protected:
    ~frame_watcher() = default;
};

/// What a client sends: where it goes and how much of it has come.
class upload {
public:
    /// The next bytes of it, as they came.
    void took(std::span<const std::byte> some) noexcept { opening.feed(some); }
    /// Whether it is already known to go nowhere, for what its first bytes are.
    bool is_unwanted(foreign_policy where) const noexcept {
        if (where == foreign_policy::forward || !opening.is_foreign()) return false;
        const bool answered =
            where == foreign_policy::probe && opening.is() == foreign_bytes::kind::http_probe;
        return !answered || opening.is_whole();
    }

    upload(payload_input& from, payload& into, single_writer_counter& so_far, buffer_budget& memory,
           const spill_policy& files, std::optional<growth_ticket>& in_line)
        : input(from), bytes(into), received(so_far), budget(memory), spills(files),
          ticket(in_line) {}

    payload_input& input;
    frame_watcher* begins = nullptr; // told when a frame begins, before any of it is here
    payload& bytes;
    single_writer_counter& received;              // before decoding
    std::chrono::steady_clock::duration paused{}; // the client was not read, for want of memory
    buffer_budget& budget;
    const spill_policy& spills;
    foreign_bytes opening;              // what its first bytes are
    std::optional<payload_fault> fault; // of a payload that was decoded on its way to a file
    std::optional<growth_ticket>&
        ticket; // of what goes on as a stream: in the queue, until that has its buffers
};

} // namespace finpost::detail
