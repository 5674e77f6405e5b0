#pragma once

#include "daemon_config.hpp"

namespace finpost {

/// Runs the gateway until a signal stops it: the whole of `finpostd` once its options are read.
/// Returns the exit code, 0 or 1; why it is 1 was said in one line on standard error.
int run_daemon(const daemon_config& config);

} // namespace finpost
