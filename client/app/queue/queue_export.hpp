#pragma once

#include "queue/queue_door.hpp"

#include <cstdint>
#include <string>

namespace finpost {

/// What became of an export so far.
struct export_report {
    std::uint64_t exported = 0; ///< written now
    std::uint64_t there = 0;    ///< were there already, byte for byte
    std::uint64_t gone = 0;     ///< left the queue meanwhile
    std::uint64_t bytes = 0;    ///< of those that were written
    /// Of single payloads: another file of that name, or bytes that are damaged.
    std::uint64_t failed = 0;
    std::uint64_t looked_at() const { return exported + there + gone + failed; }
};

/// Writes each payload that is meant to the file `DIRECTORY/ID`, then what is known of it to
/// `ID.json`. Both are whole when they have their names, and on stable storage when this returns.
/// No file is written over. `tell` hears what is wrong with single ones; the others go on. Fails
/// when the queue or the directory does.
parsed<void> export_payloads(queue_door& queue, const queue_filter& filter,
                             const std::string& directory, export_report& report,
                             const std::function<void(const std::string&)>& tell);

} // namespace finpost
