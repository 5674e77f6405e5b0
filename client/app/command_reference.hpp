#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace finpost {

/// What `finpost --generate KIND` prints, made of what `--help` says: `man` (for section 1),
/// `bash`, `zsh`, `fish`. Nothing for another kind.
std::optional<std::string> command_reference(std::string_view kind);

/// Prints it; the exit code.
int generate(std::string_view kind);

} // namespace finpost
