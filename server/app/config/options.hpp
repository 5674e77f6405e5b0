#pragma once

#include "config/daemon_config.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

struct config_file;

/// A setting as it was written, and what a message about it begins with: "--listen", or
/// "finpost.toml:3: listen". Without a text it was written, but wrongly, which has been reported.
struct given_value {
    std::vector<std::string> texts;
    std::string where;
    std::string variable = {}; ///< the environment's that says so, which a message names as well
};

/// The settings of one source by flag: `--listen` -> {"127.0.0.1:5000"}.
using given_values = std::map<std::string_view, given_value>;

/// What the command line, the environment and the file come down to.
struct options {
    enum class action { run, check, help, version, health };
    action what = action::run;
    bool connect = false; ///< `check` also connects to each endpoint
    /// Flags and variables, to be read again together with the file.
    given_values given;
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

/// Reads the file, where one is named, and makes a configuration of it and of `given`, which wins.
/// Adds everything that is wrong to `problems`; what is returned then is not to be used. What the
/// file says goes to `said`, for whoever wants to know it.
daemon_config load_config(const given_values& given, const std::string& file,
                          std::vector<std::string>& problems, config_file* said = nullptr);

/// Makes a configuration of values and validates it as a whole; adds what is wrong to `problems`.
daemon_config configure(const given_values& given, const config_file& file,
                        std::vector<std::string>& problems);

/// A configuration as TOML, every setting with the value in force: what a file would have to say,
/// in the form the configuration came in. Secrets in header fields are masked.
std::string effective_config(const daemon_config& config);

/// What `--help` prints: every flag with its variable, its default and its meaning, in 100 columns.
std::string help_text();

} // namespace finpost
