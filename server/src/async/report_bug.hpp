#pragma once

#include <exception>

namespace finpost::detail {

/// For coroutines that end with no exception but by a bug: to whoever runs the event loop.
inline void report_bug(const std::exception_ptr& bug) {
    if (bug) std::rethrow_exception(bug);
}

} // namespace finpost::detail
