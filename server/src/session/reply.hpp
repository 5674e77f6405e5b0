#pragma once

#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/units.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace finpost {
class request_id;
}

namespace finpost::detail {

class client_socket;
class single_writer_counter;

/// What a client reads in place of an answer: `finpost: <reason> <request id>\n`.
std::string refusal_line(reason why, const request_id& id);

/// Writes of `data` what the kernel takes, counting it in `written`: success when that is all of
/// it and, with `marks_end`, the end of all is marked (`client_socket::finish`);
/// `error::would_block` when there is more.
error_code write_at_once(client_socket& socket, std::span<const std::byte> data,
                         single_writer_counter& written, bool marks_end) noexcept;

/// How long the peer of `write_all` may take, and how few bytes a second.
class write_limits {
public:
    explicit write_limits(duration longest, std::uint64_t slowest = 0)
        : total(longest), min_rate(slowest) {}

    duration total;
    std::uint64_t min_rate; // 0 = none; judged after 5 s
};

/// Writes what the kernel takes, and counts it: what `write_at_once` says of some bytes.
using write_step = std::function<error_code()>;

/// Has `step` write for as long as it says `error::would_block`, each time the peer has taken
/// something, within `limits`. Fails as `write_all` does.
boost::asio::awaitable<error_code> write_in_steps(client_socket& socket, const write_step& step,
                                                  write_limits limits, exchange_deadline& deadline,
                                                  const single_writer_counter& written);

/// Writes all of `data` from `written` on within `limits`, counting in `written` what the kernel
/// took. Closes nothing. Fails with `too_slow` when the
/// peer takes it more slowly than `min_rate`, with another reason when the total has passed or the
/// exchange was stopped, else with what the connection says.
boost::asio::awaitable<error_code> write_all(client_socket& socket, std::span<const std::byte> data,
                                             write_limits limits, exchange_deadline& deadline,
                                             single_writer_counter& written, bool marks_end);

/// Reads and drops what the client still sends, until its EOF, for at most `limit`: closing with
/// unread input would send a RST that could overtake what was written (RFC 9112 §9.6).
boost::asio::awaitable<void> drain_input(client_socket& socket, duration limit,
                                         exchange_deadline& deadline);

/// The same for a client that is reset afterwards, and is to read before what was written: until it
/// resets, for at most `limit`, whether or not its EOF has come. After `client_socket::end_tls`.
boost::asio::awaitable<void> let_it_read(client_socket& socket, duration limit,
                                         exchange_deadline& deadline);

} // namespace finpost::detail
