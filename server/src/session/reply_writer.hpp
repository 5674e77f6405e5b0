#pragma once

#include "session/session_context.hpp"

#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/payload.hpp"

#include <boost/asio/awaitable.hpp>

namespace finpost::detail {

class client_socket;
class single_writer_counter;

/// Writes one reply to its client, encoded as the configuration says: from memory, or in pieces
/// what is too large for it. Counts in `written` what the kernel took.
class reply_writer {
public:
    /// Encodes `bytes` in memory where it fits.
    reply_writer(const session_context& context, client_socket& socket, payload& bytes,
                 single_writer_counter& written);

    /// Writes what the kernel takes now: success when that was the rest, `error::would_block` when
    /// there is more, `spill_failed` when a file cannot be read, or what the connection says.
    error_code write_some();
    /// Writes the rest within `reply_total` and `min_rate`. Fails as `write_in_steps` does.
    boost::asio::awaitable<error_code> write_rest(exchange_deadline& deadline);

private:
    const session_context& context_;
    client_socket& socket_;
    payload& bytes_;
    single_writer_counter& written_;
    bool piecewise_;
};

} // namespace finpost::detail
