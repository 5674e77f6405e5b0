#pragma once

#include <string>

namespace finpost {

struct daemon_config;

/// A configuration as TOML, every setting with the value in force: what a file would have to say,
/// in the form the configuration came in. Secrets in header fields are masked.
std::string effective_config(const daemon_config& config);

} // namespace finpost
