#pragma once

#include "config/daemon_config.hpp"

#include <string>
#include <vector>

namespace finpost {

/// What this machine has to say about a configuration that is valid in itself.
struct check_result {
    std::vector<std::string> problems; ///< finpostd could not start, or not as it is told to
    std::vector<std::string> notes;    ///< what an operator should know all the same
};

/// Tries to bind every address whose port is not 0 (one that is in use gets a note: it may well be
/// by the gateway that is to be reloaded), looks whether the log file can be written, and holds the
/// limits against those of the process. Leaves everything as it was, except for the soft limit on
/// open files, which it raises as `finpostd` would.
check_result check_machine(const daemon_config& config);

} // namespace finpost
