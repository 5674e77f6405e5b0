#pragma once

#include "config/daemon_config.hpp"
#include "config/given_values.hpp"

#include <string>
#include <vector>

namespace finpost {

struct config_file;

/// Reads the file, where one is named, and makes a configuration of it and of `given`, which wins.
/// Adds everything that is wrong to `problems`; what is returned then is not to be used. What the
/// file says goes to `said`, for whoever wants to know it.
daemon_config load_config(const given_values& given, const std::string& file,
                          std::vector<std::string>& problems, config_file* said = nullptr);

/// Makes a configuration of values and validates it as a whole; adds what is wrong to `problems`.
daemon_config configure(const given_values& given, const config_file& file,
                        std::vector<std::string>& problems);

} // namespace finpost
