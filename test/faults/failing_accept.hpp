#pragma once

#include <cstddef>

namespace finpost::test {

/// Makes the next `times` calls of accept4 in this process fail with `error`, and leaves whoever
/// waits where they are; then everything is as before. Errors that no test can bring about by
/// itself: a connection that broke in the backlog, a network that went down, a kernel without
/// memory.
void fail_accepts(int error, std::size_t times);

/// How many of them have failed so far.
std::size_t failed_accepts();

} // namespace finpost::test
