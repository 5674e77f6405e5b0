#pragma once

namespace finpost {

/// `finpost queue`: `argv` begins with "queue". The exit code, as `--help` says.
int queue(int argc, const char* const* argv);

} // namespace finpost
