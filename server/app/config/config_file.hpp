#pragma once

#include "config/given_values.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// A table of a configuration file: its settings as text.
struct file_table {
    /// What a message about the table begins with: "finpost.toml:12: [[listeners]]".
    std::string where;
    /// Of an upstream, its own; of a listener, that of the upstream it names (empty: none).
    given_value name;
    given_values values;
};

/// What a configuration file says, not yet taken for values.
struct config_file {
    file_table top;
    /// The long form has both, the short form neither.
    std::vector<file_table> listeners, upstreams;
    bool long_form() const noexcept { return !listeners.empty() || !upstreams.empty(); }
};

/// Takes TOML apart. Syntax, unknown keys and wrong types are added to `problems`, each with file,
/// line and key; `name` is the file's in them.
config_file parse_config_file(std::string_view text, const std::string& name,
                              std::vector<std::string>& problems);

/// Reads a file of at most 1 MiB, then as above. A file that cannot be read is a problem.
config_file read_config_file(const std::string& path, std::vector<std::string>& problems);

} // namespace finpost
