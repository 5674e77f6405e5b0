#pragma once

#include "finpost/config.hpp"
#include "finpost/error.hpp"

namespace finpost {
class payload;
}

namespace finpost::detail {

class client_socket;
class single_writer_counter;

/// As `write_at_once`, for a reply that is too large for memory: out of its file, and encoded as it
/// goes. Writes little more than a turn at the most (fairness.hpp); then, as when the kernel takes
/// no more, it says `error::would_block`. When the file cannot be read it is a `file_error`.
error_code write_piecewise(client_socket& socket, const payload& bytes, codec encode,
                           single_writer_counter& written);

} // namespace finpost::detail
