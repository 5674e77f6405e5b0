#include "config/restart_only.hpp"

#include "config/option_table.hpp"

#include <algorithm>

namespace finpost {

std::string keep_what_needs_a_restart(const daemon_config& running, daemon_config& next) {
    std::string changed;
    const auto keep = [&](std::string_view flag, auto& wanted, const auto& in_force) {
        if (wanted == in_force) return;
        wanted = in_force;
        const auto table = option_table();
        const auto row = std::find_if(table.begin(), table.end(),
                                      [&](const option_row& one) { return one.flag == flag; });
        changed += (changed.empty() ? "" : ",") + row->key();
        // What is shown is what is in force.
        next.written.process.erase(row->flag);
        if (const auto known = running.written.process.find(row->flag);
            known != running.written.process.end())
            next.written.process.insert(*known);
    };
    keep("--threads", next.threads, running.threads);
    keep("--admin", next.admin, running.admin);
    keep("--log-level", next.log.level, running.log.level);
    keep("--log-format", next.log.format, running.log.format);
    keep("--log-file", next.log.file, running.log.file);
    return changed;
}

} // namespace finpost
