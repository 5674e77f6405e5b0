#pragma once

#include "connection_options.hpp"
#include "reply_form.hpp"

namespace finpost {

/// What `finpost send` was told.
struct send_options : connection_options {
    std::string file; ///< empty or "-": standard input
    bool encode = false, decode = false;
    bool expect_reply = false; ///< an empty one is a failure
    frame_spec frame;          ///< of the payload, and of the reply
    form_kind reply_format = form_kind::body;
};

/// What `finpost probe` was told.
struct probe_options : connection_options {
    /// What is sent before the half-close; nothing, unless there is some.
    std::string payload;
};

/// What the command line comes down to.
struct command_line {
    enum class action { none, send, probe, help, version };
    action what = action::none;
    send_options send;
    probe_options probe;
    std::string help;
    /// Everything that is wrong, each naming its option.
    std::vector<std::string> problems;
};

command_line read_command_line(int argc, const char* const* argv);

} // namespace finpost
