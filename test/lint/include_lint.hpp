#pragma once

#include "lint/cpp_source.hpp"

#include <set>

namespace finpost::test {

/// The room a file of the project is in, by its path from the root
/// ("server/src/session/session.cpp" is in "session"); empty when the table knows none.
std::string room_of(std::string_view path);

/// Finds every `#include` that goes against the arrows
///
///     app -> gateway -> listener -> session -> {receive, reply, handler} -> policy -> common
///
/// or brings in what a room must not know: Beast in public headers and in common, argv, signals,
/// threads and Boost.Log outside of the two apps. Also a file that is in no room: a new file is put
/// in the table first. `files` is every source of the project, where included names are looked up.
std::vector<finding> check_includes(std::string_view path, std::string_view source,
                                    const std::set<std::string>& files);

} // namespace finpost::test
