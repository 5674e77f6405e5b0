#pragma once

#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"

#include <boost/asio/awaitable.hpp>

namespace finpost::detail {

class client_socket;
class upload;

/// How receiving ended.
struct receive_end {
    /// None: the payload's end was read and the payload is complete, unless `becomes_stream`.
    error_code error;
    /// More than `stream_above` is there and the end is not: it goes on as a stream. Nothing of it
    /// is in a file.
    bool becomes_stream = false;
};

/// Accumulates what the client sends until the payload's end, which `upload::input` knows: in
/// memory, and decoded in a file when `upload::spills` says so.
///
/// Success is that end and nothing else, where it does not become a stream. A `reason` says what to
/// refuse with: `too_large`, `receive_timeout`, `too_slow`, `busy` (no buffer in time),
/// `bad_encoding` and `spill_failed` (on the way to a file), `foreign` (see `upload::opening`),
/// `draining`, and what `payload_input` says. Where payloads are framed it waits for the first byte
/// within `between`; `receive_timeout` is an end without a payload then. Any other error is the
/// connection's end without an EOF: the payload was cut and must go nowhere.
boost::asio::awaitable<receive_end> receive(client_socket& socket, upload& coming,
                                            const gateway_config& limits,
                                            exchange_deadline& deadline);

} // namespace finpost::detail
