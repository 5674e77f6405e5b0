#pragma once

#include "config/daemon_config.hpp"
#include "config/option_field.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// One setting of the daemon, the same for every source it can come from.
struct option_row {
    std::string_view flag;    ///< "--max-payload"
    std::string_view value;   ///< what the value looks like: "SIZE"; empty for a switch
    std::string_view meaning; ///< for people
    option_field field;

    // What most options do without; set by the functions below.
    std::string_view without = {};    ///< what holds without it, where no text gives that
    std::string_view field_name = {}; ///< the field's name, where that is not `key()`
    std::string_view in_table = {};   ///< its key in a table, where that is not `key()`
    bool restart = false;             ///< a reload cannot change it

    /// The default for people, where the field's default is no text: "the system's".
    constexpr option_row default_is(std::string_view text) const {
        option_row row = *this;
        row.without = text;
        return row;
    }
    /// Problems of `validate` call the field so.
    constexpr option_row named(std::string_view name) const {
        option_row row = *this;
        row.field_name = name;
        return row;
    }
    /// It is `key` in the tables of a file, and problems of `validate` call it so.
    constexpr option_row in_tables(std::string_view key) const {
        option_row row = named(key);
        row.in_table = key;
        return row;
    }
    constexpr option_row needs_restart() const {
        option_row row = *this;
        row.restart = true;
        return row;
    }
    /// It is about the process, although its field is a listener's.
    constexpr option_row of_the_process() const {
        option_row row = *this;
        row.field.scope = option_scope::process;
        return row;
    }

    bool is_switch() const noexcept { return value.empty(); }
    bool repeatable() const noexcept { return field.list; }
    option_scope scope() const noexcept { return field.scope; }
    /// "max_payload": the key in a file.
    std::string key() const;
    /// The key in a table of a file.
    std::string table_key() const;
    /// "FINPOST_MAX_PAYLOAD".
    std::string environment() const;
    /// The texts that give the default; none where `without` says what holds.
    std::vector<std::string> default_texts() const;
};

/// Every setting, in the order in which people should read about them.
std::span<const option_row> option_table();

/// The row of a flag, which there is.
const option_row& row_of(std::string_view flag);

/// The flag for a field of `gateway_config` or `upstream_config` that `validate` complains about.
std::string flag_of(std::string_view field);

} // namespace finpost
