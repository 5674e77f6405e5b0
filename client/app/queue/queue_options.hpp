#pragma once

#include "finpost/queued_payload.hpp"

#include <string>
#include <vector>

namespace finpost {

/// What `finpost queue` was told.
struct queue_options {
    enum class action { help, init, stats, list, show, replay, drop, export_, move };
    action what = action::help;
    std::string directory;     ///< `--queue-dir`
    std::string database;      ///< `--queue-database`, instead
    std::string password_file; ///< `--queue-password-file`
    bool json = false;
    queue_filter filter; ///< `--state`, `--listener`, `--upstream`
    std::vector<request_id> ids;
    bool all = false;      ///< replay: every payload that does not wait
    bool bytes = false;    ///< show: the payload itself to standard output
    std::string output;    ///< show: the payload itself to this file
    std::string export_to; ///< export
    std::string from, to;  ///< move: each a directory, or a database's URL
};

/// Reads the words behind `finpost`, of which the first is "queue". Where the queue is may also be
/// said by FINPOST_QUEUE_DIR, or FINPOST_QUEUE_DATABASE and FINPOST_QUEUE_PASSWORD_FILE, as the
/// gateway reads them. Adds a sentence to `problems` for each that is wrong, naming the option.
queue_options read_queue_options(int argc, const char* const* argv,
                                 std::vector<std::string>& problems);

} // namespace finpost
