#pragma once

#include "daemon_config.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// What the command line and the environment come down to.
struct options {
    enum class action { run, help, version };
    action what = action::run;
    /// Complete and valid when there is no problem.
    daemon_config config;
    /// Everything that is wrong, each naming its flag: "--max-payload: ...". Empty when all is
    /// well.
    std::vector<std::string> problems;
};

/// Reads `argv` and the `FINPOST_...` environment variables; a flag wins over its variable. An
/// empty variable is as good as none.
options read_options(int argc, const char* const* argv);

/// The values of one source by flag, as they were written: `--listen` -> {"127.0.0.1:5000"}.
using given_values = std::map<std::string_view, std::vector<std::string>>;

/// Makes a configuration of values and validates it as a whole; adds what is wrong to `problems`.
daemon_config configure(const given_values& given, std::vector<std::string>& problems);

/// What `--help` prints: every flag with its variable, its default and its meaning, in 100 columns.
std::string help_text();

} // namespace finpost
