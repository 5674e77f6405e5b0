#pragma once

#include "config/daemon_config.hpp"
#include "config/given_values.hpp"

#include <string>
#include <vector>

namespace finpost {

/// What the command line, the environment and the file come down to.
struct options {
    enum class action { run, check, help, version, health, generate };
    action what = action::run;
    bool connect = false;  ///< `check` also connects to each endpoint
    std::string reference; ///< what kind of reference `generate` prints
    /// Flags and variables, to be read again together with the file.
    given_values flags;
    /// The configuration file; empty when there is none.
    std::string file;
    /// Complete and valid when there is no problem. For `health` only what it needs is.
    daemon_config config;
    /// Everything that is wrong, each naming its flag, or its file, line and key: "--max-payload:
    /// ...". Empty when all is well.
    std::vector<std::string> problems;
};

/// Reads `argv`, the `FINPOST_...` environment variables and the file that they name; a flag wins
/// over its variable, and a variable over the file. An empty variable is what an
/// empty flag is: mostly a problem.
options read_options(int argc, const char* const* argv);

} // namespace finpost
