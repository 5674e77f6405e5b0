#pragma once

namespace finpost {

/// `finpost load`: measures a gateway. `argv[0]` is the word `load`. Returns the exit code: 0 every
/// exchange succeeded, 1 some did not, 2 a bad option, 3 nothing could be connected.
int load(int argc, const char* const* argv);

} // namespace finpost
