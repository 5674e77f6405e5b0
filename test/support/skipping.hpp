#pragma once

#include <string>

namespace finpost::test {

/// For a case that needs something of the machine: returns whether it is there. When not, the case
/// says "SKIPPED: " and `why`, and its caller returns. In continuous integration (CI in the
/// environment) that is a failure: nobody would see it in a suite whose other cases pass.
bool can_run(bool there, const std::string& why);

} // namespace finpost::test
