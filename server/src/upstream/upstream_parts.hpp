#pragma once

#include "config_checker.hpp"
#include "net/tls_side.hpp"
#include "upstream/request_template.hpp"

#include "finpost/upstream_config.hpp"

namespace finpost::detail {

/// What an upstream runs with and its configuration only names. Cheap to copy where there are few
/// templates.
struct upstream_parts {
    tls_side tls; // from files, read once; no problems, and no context where no endpoint is https
    request_templates templates;
};

/// Validates the configuration, and makes the parts on the way.
checked<upstream_parts> make_upstream_parts(const upstream_config& config);

} // namespace finpost::detail
