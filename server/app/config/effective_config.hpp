#pragma once

#include <string>

namespace finpost {

struct daemon_config;
struct option_row;

/// A configuration as TOML, every setting with the value in force: what a file would have to say,
/// in the form the configuration came in. Secrets in header fields are masked.
std::string effective_config(const daemon_config& config);

/// One text of a setting as a value in TOML, masked.
std::string file_value(const option_row& row, const std::string& text);

} // namespace finpost
