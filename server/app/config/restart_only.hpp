#pragma once

#include "config/daemon_config.hpp"

#include <string>

namespace finpost {

/// Takes back into `next` what cannot change while `finpostd` runs: the options that need a restart
/// (threads, the admin port, the log). Returns the keys of what `next` wanted otherwise, as in
/// "threads,admin"; empty when nothing.
std::string keep_what_needs_a_restart(const daemon_config& running, daemon_config& next);

} // namespace finpost
