#pragma once

#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/watchdog.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>

namespace finpost {

class client_socket;
class tally;
struct gateway_config;

/// How much to read next when `have` bytes are there: few and growing reads, and never more than one
/// byte beyond `limit`, which is enough to know that it was passed.
std::size_t next_read(std::size_t have, std::uint64_t limit) noexcept;

/// Accumulates what the client sends into `into`, until its EOF; `received` says how much there is by now.
///
/// Success is the EOF and nothing else. A `reason` says what to refuse with: `too_large`,
/// `receive_timeout`, `too_slow`, `busy` (no buffer in time), `draining`. `error::in_progress` is more than
/// `stream_above`, and the end is not there yet: it goes on as a stream. Any other code is the
/// connection's end without an EOF: the payload was cut and must go nowhere.
boost::asio::awaitable<error_code> receive(client_socket& socket, payload& into, tally& received,
                                           const gateway_config& limits, watchdog& dog);

} // namespace finpost
