#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// A flag, as a shell completes it.
struct completed_flag {
    std::string flag;    ///< "--max-payload" or "-c"
    std::string value;   ///< "SIZE", "on|off", "FILE"; empty for a switch
    std::string meaning; ///< in one line
    bool repeatable = false;

    /// The words among the alternatives of `value`: "off" of "D|off".
    std::vector<std::string> words() const;
    bool takes_file() const;
};

/// What may follow a word of the command line; the one without a name is the program itself.
struct completed_command {
    std::string name;
    std::vector<completed_flag> flags;
};
using completed_commands = std::vector<completed_command>;

/// What `shell` (bash, zsh, fish) reads to complete the command line of `program`. Nothing for
/// another shell.
std::optional<std::string> completions(std::string_view shell, std::string_view program,
                                       const completed_commands& all);

} // namespace finpost::detail
