#pragma once

#include "check.hpp"

namespace finpost {

/// What `finpostd --check --connect` does beside `check_machine`: connects to each endpoint, with
/// TLS where it is `https://`, and asks for its health path where there is one; looks at the
/// queue's database. What fails is a problem, and what works a note.
void check_connections(const daemon_config& config, check_result& out);

} // namespace finpost
