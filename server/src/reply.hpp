#pragma once

#include "finpost/error.hpp"
#include "finpost/units.hpp"
#include "finpost/watchdog.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace finpost {

class client_socket;
class request_id;

/// What a client reads in place of an answer: `finpost: <reason> <request id>\n`.
std::string refusal_line(reason why, const request_id& id);

/// Writes of `data` what the kernel takes, counting it in `written`: success when that is all of it,
/// `error::would_block` when there is more.
error_code write_at_once(client_socket& socket, std::span<const std::byte> data,
                         std::size_t& written) noexcept;

/// Writes all of `data` from `written` on within `total`, counting in `written` what the kernel took. Closes nothing.
boost::asio::awaitable<error_code> write_all(client_socket& socket, std::span<const std::byte> data,
                                             duration total, watchdog& dog, std::size_t& written);

/// Reads and drops what the client still sends, until its EOF, for at most `limit`: closing with unread
/// input would send a RST that could overtake what was written (RFC 9112 §9.6).
boost::asio::awaitable<void> drain_input(client_socket& socket, duration limit, watchdog& dog);

} // namespace finpost
