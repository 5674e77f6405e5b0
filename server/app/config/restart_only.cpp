#include "config/restart_only.hpp"

#include "config/option_table.hpp"

namespace finpost {

std::string keep_what_needs_a_restart(const daemon_config& running, daemon_config& next) {
    std::string changed;
    for (const option_row& row : option_table()) {
        if (!row.restart || !row.field.take(next, running)) continue;
        changed += (changed.empty() ? "" : ",") + row.key();
        // What is shown is what is in force.
        next.written.process.erase(row.flag);
        if (const auto known = running.written.process.find(row.flag);
            known != running.written.process.end())
            next.written.process.insert(*known);
    }
    return changed;
}

} // namespace finpost
