#pragma once

#include "lint/cpp_source.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::test {

std::size_t lines_of(std::string_view source);

/// Lines with more than 100 characters, but for those with a literal or an address that can hardly
/// be broken.
std::vector<finding> check_columns(std::string_view source);

/// Functions of more than `most` lines, from their first line to their closing brace. It counts
/// braces, which is enough for sources that clang-format has formatted.
std::vector<finding> check_functions(std::string_view source, std::size_t most);

} // namespace finpost::test
