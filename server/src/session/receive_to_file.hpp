#pragma once

#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"

#include <boost/asio/awaitable.hpp>

namespace finpost::detail {

class client_socket;
class upload;

/// The rest of `receive` for a payload that is too large for memory: what has come goes to a file,
/// and so does what comes, decoded if it is to be. No memory is held for it meanwhile. `began` is
/// when the client began to be slow or not.
boost::asio::awaitable<error_code> receive_to_file(client_socket& socket, upload& coming,
                                                   const gateway_config& limits,
                                                   exchange_deadline& deadline,
                                                   exchange_deadline::clock::time_point began);

} // namespace finpost::detail
