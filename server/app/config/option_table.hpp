#pragma once

#include "config/daemon_config.hpp"

#include <span>
#include <string>
#include <string_view>

namespace finpost {

/// What a setting is about. In a file with tables, those of a listener stand in `[[listeners]]`,
/// those of an upstream in `[upstreams.NAME]`.
enum class option_scope { process, listener, upstream };

/// Puts one value into the configuration; what is wrong with it, or nothing.
struct option_setter {
    std::string (*call)(daemon_config& into, std::string_view text) = nullptr;
    option_scope scope = option_scope::process;
    std::string operator()(daemon_config& into, std::string_view text) const {
        return call(into, text);
    }
};

/// One setting of the daemon, the same for every source it can come from.
struct option_row {
    std::string_view flag;     ///< "--max-payload"
    std::string_view value;    ///< what the value looks like: "SIZE"; empty for a switch
    std::string_view fallback; ///< the default, as text for people
    std::string_view meaning;
    bool repeatable = false; ///< each value is set in turn, and adds to the last

    option_setter set;
    std::string_view in_table = {}; ///< its key in a table, where that is not `key()`

    bool is_switch() const noexcept { return value.empty(); }
    option_scope scope() const noexcept { return set.scope; }
    /// "max_payload": the key in a file.
    std::string key() const;
    /// The key in a table of a file.
    std::string table_key() const;
    /// "FINPOST_MAX_PAYLOAD".
    std::string environment() const;
};

/// Every setting, in the order in which people should read about them.
std::span<const option_row> option_table();

/// The flag for a field of `gateway_config` or `upstream_config` that `validate` complains about.
std::string flag_of(std::string_view field);

} // namespace finpost
