#pragma once

#include "send_options.hpp"

namespace finpost {

/// One exchange as `options` say; its exit code.
int send(const send_options& options);

/// What an exchange comes to, as an exit code, and in words where it failed.
int exit_code(error_code failed, const exchange_result& result);
std::string explain(const host_port& target, error_code failed, const exchange_result& result);

/// As `prepare`, with problems and warnings on standard error.
std::optional<client_options> prepare_or_complain(const connection_options& options);

} // namespace finpost
