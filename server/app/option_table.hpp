#pragma once

#include "daemon_config.hpp"

#include <span>
#include <string>
#include <string_view>

namespace finpost {

/// One setting of the daemon, the same for every source it can come from.
struct option_row {
    std::string_view flag;     ///< "--max-payload"
    std::string_view value;    ///< what the value looks like: "SIZE"; empty for a switch
    std::string_view fallback; ///< the default, as text for people
    std::string_view meaning;
    bool repeatable = false;   ///< each value is set in turn, and adds to the last

    /// Puts one value into the configuration; what is wrong with it, or nothing.
    std::string (*set)(daemon_config& into, std::string_view text) = nullptr;

    bool is_switch() const noexcept { return value.empty(); }
    /// "max_payload": the key in a file.
    std::string key() const;
    /// "FINPOST_MAX_PAYLOAD".
    std::string environment() const;
};

/// Every setting, in the order in which people should read about them.
std::span<const option_row> option_table();

/// The flag for a field of `gateway_config` or `upstream_config` that `validate` complains about.
std::string flag_of(std::string_view field);

} // namespace finpost
