#pragma once

#include "finpost/client.hpp"

#include <string>
#include <vector>

namespace finpost {

/// What `finpost send` was told.
struct send_options {
    host_port target;
    std::string file; ///< empty or "-": standard input
    bool encode = false, decode = false;
    duration connect{5'000}, total{30'000};
    bool verbose = false;
};

/// What the command line comes down to.
struct command_line {
    enum class action { none, send, help, version };
    action what = action::none;
    send_options send;
    std::string help;
    /// Everything that is wrong, each naming its option.
    std::vector<std::string> problems;
};

command_line read_command_line(int argc, const char* const* argv);

} // namespace finpost
