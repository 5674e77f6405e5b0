#pragma once

#include "policy/buffer_budget.hpp"
#include "policy/foreign.hpp"

#include "finpost/base64.hpp"
#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/payload.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace finpost {

class client_socket;
class spill_policy;
class single_writer_counter;

/// How much to read next when `have` bytes are there: few and growing reads, and never more than
/// one byte beyond `limit`, which is enough to know that it was passed.
std::size_t next_read(std::size_t have, std::uint64_t limit) noexcept;

/// What a client sends: where it goes and how much of it has come.
class upload {
public:
    /// The next bytes of it, as they came.
    void took(std::span<const std::byte> some) noexcept { first.feed(some); }
    /// Whether it is already known to go nowhere, for what its first bytes are.
    bool is_unwanted(foreign_policy where) const noexcept {
        if (where == foreign_policy::forward || !first.is_foreign()) return false;
        const bool answered =
            where == foreign_policy::probe && first.is() == foreign_bytes::kind::look;
        return !answered || first.is_whole();
    }

    upload(payload& into, single_writer_counter& so_far, buffer_budget& memory,
           const spill_policy& files, std::optional<growth_ticket>& in_line)
        : bytes(into), received(so_far), budget(memory), spills(files), ticket(in_line) {}

    payload& bytes;
    single_writer_counter& received;             // before decoding
    exchange_deadline::clock::duration paused{}; // the client was not read, for want of memory
    buffer_budget& budget;
    const spill_policy& spills;
    foreign_bytes first;
    std::optional<base64::decode_error> fault; // of a payload that was decoded on its way to a file
    std::optional<growth_ticket>&
        ticket; // of what goes on as a stream: in the line, until that has its buffers
};

/// Accumulates what the client sends until its EOF: in memory, and decoded in a file when
/// `upload::spills` says so.
///
/// Success is the EOF and nothing else. A `reason` says what to refuse with: `too_large`,
/// `receive_timeout`, `too_slow`, `busy` (no buffer in time), `bad_encoding` and `spill_failed` (on
/// the way to a file), `foreign` (see `upload::first`), `draining`. `error::in_progress` is more
/// than `stream_above`, and the end is not there yet: it goes on as a stream, and nothing of it is
/// in a file. Any other code is the connection's end without an EOF: the payload was cut and must
/// go nowhere.
boost::asio::awaitable<error_code> receive(client_socket& socket, upload& coming,
                                           const gateway_config& limits,
                                           exchange_deadline& deadline);

} // namespace finpost
