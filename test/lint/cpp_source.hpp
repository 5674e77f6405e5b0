#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::test {

/// Something in a source that breaks a rule.
struct finding {
    std::size_t line; ///< from 1
    std::string message;
};

/// A piece of C++: a name, a number, or punctuation ("::", "->" and "&&" are one token; "<" and ">"
/// never join, so that templates can be read).
struct token {
    std::string_view text; // borrows from the code it was cut from
    std::size_t line;
    friend bool operator==(const token& a, std::string_view b) { return a.text == b; }
};

/// Line by line the same code, with spaces in place of what the compiler's parser does not see:
/// comments, the insides of literals (raw ones included) and preprocessor lines.
std::string only_code(std::string_view source);

/// The tokens of what `only_code` made.
std::vector<token> tokens_of(std::string_view code);

bool is_name(const token& one);

/// One `#include`: what it names, with its quotes or angle brackets.
struct inclusion {
    std::string name;
    std::size_t line;
};
std::vector<inclusion> includes_of(std::string_view source);

/// Every C++ source under the folders of the project, by its path from `root`.
std::vector<std::string> sources_under(const std::string& root,
                                       const std::vector<std::string>& folders);
std::string read_file(const std::string& path);

} // namespace finpost::test
