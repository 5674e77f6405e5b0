#pragma once

#include "send_options.hpp"

namespace finpost {

/// One exchange as `options` say; its exit code.
int send(const send_options& options);

/// What an exchange comes to, as an exit code.
int exit_code(error_code failed, const exchange_result& result);

} // namespace finpost
