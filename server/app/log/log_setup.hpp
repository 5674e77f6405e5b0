#pragma once

#include "config/daemon_config.hpp"

#include "finpost/logger.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

namespace finpost {

/// The daemon's log: Boost.Log behind the library's `logger` door.
///
/// A line is formatted by the thread that logs; a thread of its own hands what has gathered to
/// Boost.Log's core, one record for many lines, whose sink writes it. What may gather is bounded:
/// when the reader of the log does not keep up, lines are dropped and counted, and the event loop
/// never waits. Make one at a time: Boost.Log's core is a global, and every sink in it gets every
/// line.
class log_setup {
public:
    /// Opens the file, if one is named; throws std::system_error that names it.
    explicit log_setup(const log_config& config);

    /// Writes to the descriptor `fd`, which stays the caller's, and lets `most` bytes wait.
    log_setup(const log_config& config, int fd, std::size_t most);

    /// Like `stop` with a limit of one second.
    ~log_setup();

    log_setup(const log_setup&) = delete;
    log_setup& operator=(const log_setup&) = delete;

    /// The door. Copies of it may be used as long as anyone likes: after `stop` lines are dropped.
    logger door() const;

    /// Opens the log file again by its name, so that it can be renamed while this runs: the lines
    /// that follow go to the new file, and none is lost. False when the log goes to no file. Throws
    /// std::system_error that names the file and what is wrong; the old one stays in use then. One
    /// caller at a time.
    bool reopen();

    /// Lines that were lost: too many waited, or they could not be written.
    std::uint64_t dropped() const noexcept;

    /// Writes what waits, for no longer than `limit`, and stops. False when lines were left
    /// over; they count as dropped.
    bool stop(std::chrono::milliseconds limit);

private:
    class state;
    std::shared_ptr<state> state_;
};

} // namespace finpost
