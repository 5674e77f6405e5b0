#pragma once

#include "config_checker.hpp"
#include "net/tls_side.hpp"
#include "reply_format/reply_forms.hpp"

#include "finpost/config.hpp"

#include <string>

namespace finpost::detail {

/// What a group of listeners runs with and its configuration only names. Cheap to copy.
struct listener_parts {
    tls_side tls;                // from files, read once; no problems
    std::string spill_directory; // files can be made there, unless spilling is off
    reply_forms forms;
};

/// Validates the configuration, and makes the parts on the way.
checked<listener_parts> make_listener_parts(const gateway_config& config);

} // namespace finpost::detail
