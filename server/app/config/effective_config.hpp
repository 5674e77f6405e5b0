#pragma once

#include <string>
#include <vector>

namespace finpost {

struct daemon_config;
struct option_row;

/// A configuration as TOML, every setting with the value in force: what a file would have to say,
/// in the form the configuration came in. Secrets in header fields are masked.
std::string effective_config(const daemon_config& config);

/// A setting as a value in TOML, masked; `texts` are one, or a list's.
std::string file_value(const option_row& row, const std::vector<std::string>& texts);

} // namespace finpost
