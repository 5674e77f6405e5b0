#pragma once

namespace finpost {

struct options;

/// Runs the gateway until a signal stops it: the whole of `finpostd` once its options are read.
/// With a configuration file, SIGHUP reads that again. Returns the exit code, 0 or 1; why it is 1
/// was said in one line on standard error.
int run_daemon(const options& options);

} // namespace finpost
