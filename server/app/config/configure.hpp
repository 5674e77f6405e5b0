#pragma once

#include "config/daemon_config.hpp"
#include "config/given_values.hpp"

#include <string>
#include <vector>

namespace finpost {

struct config_file;

/// Reads the file, where `path` names one, and makes a configuration of it and of `flags`, which
/// win. Adds everything that is wrong to `problems`; what is returned then is not to be used. What
/// the file says also goes to `parsed`, unless that is null.
daemon_config load_config(const given_values& flags, const std::string& path,
                          std::vector<std::string>& problems, config_file* parsed = nullptr);

/// Makes a configuration of values and validates it as a whole; adds what is wrong to `problems`.
daemon_config configure(const given_values& flags, const config_file& file,
                        std::vector<std::string>& problems);

} // namespace finpost
