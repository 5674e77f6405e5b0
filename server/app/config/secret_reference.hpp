#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// The value of a header field, a template, without its references. A message begins with the
/// reference it is about, and never holds what was read.
struct resolved_value {
    std::string text;
    std::vector<std::string> problems, warnings;
};

/// Puts what they stand for in the place of "{file:PATH}" and "{env:NAME}". What is read is text
/// for the template, whatever braces it holds. One line end at a file's end is dropped. It is a
/// problem when a file cannot be read, is not a regular one, is empty or larger than 64 KiB, when a
/// variable is not set or empty, and when what was read is not printable ASCII. A file that
/// everybody may read is a warning.
resolved_value resolve_references(std::string_view value);

/// The paths of "{file:PATH}" in it.
std::vector<std::string> referenced_files(std::string_view value);

/// Whether it is one reference and nothing else, but for the name of a scheme before it, such as
/// "Bearer {file:/run/secrets/token}".
bool only_refers(std::string_view value);

} // namespace finpost
