#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace finpost {

/// What `--generate KIND` prints, made of the table of options: `man` (for section 8), `bash`,
/// `zsh`, `fish`, `markdown` (a table), `toml` (a configuration file in which every default stands
/// as a comment), `schema` (of that file, JSON Schema 2020-12). Nothing for another kind.
std::optional<std::string> reference_of(std::string_view kind);

std::string manual_page();
std::string options_table();
std::string sample_file();
std::string file_schema();

} // namespace finpost
