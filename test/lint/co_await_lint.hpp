#pragma once

#include "lint/cpp_source.hpp"

namespace finpost::test {

/// Finds every `co_await` that does not stand in the one form that g++ 12 compiles correctly:
///
///     [declaration or name =] co_await name(named, arguments);
///
/// One in a statement, no lambda and no brace-built temporary beside it, no `?:`, and never within
/// the brackets of something else: a condition, an argument, an initialiser. What stands before a
/// statement (`if (...)`, `else`, `for (...)`) is not a part of it.
std::vector<finding> check_co_await(std::string_view source);

} // namespace finpost::test
