#pragma once

#include <string_view>

namespace finpost::test {

/// From now on this process sends no more than half of whatever begins with `text`, and nothing
/// after it on that connection: as to a peer that takes nothing, when what is sent is too short to
/// fill the kernel's buffer. Empty: everything is as before.
void choke_on(std::string_view text);

} // namespace finpost::test
