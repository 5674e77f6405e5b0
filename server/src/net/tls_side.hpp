#pragma once

#include "finpost/config_problem.hpp"
#include "finpost/logger.hpp"
#include "finpost/tls_context.hpp"
#include "finpost/tls_options.hpp"

#include <vector>

namespace finpost::detail {

/// A side's TLS made from its options, and whatever is wrong with it, by the fields of the
/// configuration.
struct tls_side {
    tls_context context; // none when there is a problem, and where no TLS is wanted
    std::vector<config_problem> problems, warnings;
};

/// `gateway_config::tls`: "tls_cert", "tls_key", "tls_client_ca", "tls_client_auth".
tls_side make_listener_tls(const tls_options& options);
/// `upstream_config::tls`, for an upstream that is reached over TLS: "upstream_ca" and so on.
tls_side make_upstream_tls(const tls_options& options);

/// Logs what does not keep it from working.
void log_warnings(const tls_side& made, const logger& log);

} // namespace finpost::detail
