#pragma once

#include <string>

namespace finpost {

/// What `--help` prints: every flag with its variable, its default and its meaning, in 100 columns.
std::string help_text();

} // namespace finpost
