#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace finpost {

/// A file that stays, unlike a pipe or a terminal.
bool is_regular_file(int fd);

/// Gathers lines in a bounded buffer and writes them to a descriptor in large pieces, in a thread
/// of its own. Who appends never waits for who reads the log: what does not fit is dropped and
/// counted.
///
/// The thread waits for a slow reader, but never inside `write`, where nothing could end the
/// waiting: pipes and terminals are asked first and get no more at once than a pipe takes whole.
class log_writer {
public:
    /// What the thread does with the lines that have gathered: in the end, it calls `write`.
    using batch_handler = std::function<void(std::string_view lines)>;

    /// `fd` stays the caller's. At most `most` bytes wait, and as many again are being written.
    log_writer(int fd, std::size_t most, batch_handler hand_over);

    /// Like `stop` with a limit of one second.
    ~log_writer();

    log_writer(const log_writer&) = delete;
    log_writer& operator=(const log_writer&) = delete;

    /// Adds a line, its line feed included. From any thread.
    void append(std::string_view line);

    /// Writes what has gathered, for no longer than `limit`, and ends the thread. False when
    /// something was lost by that. Lines that come later are dropped.
    bool stop(std::chrono::milliseconds limit);

    /// Writes whole lines to the descriptor; what cannot be written is counted. In the thread only.
    /// When a disk is full in the middle of a line, what comes next begins on a line of its own.
    void write(std::string_view lines);

    /// Lines that were dropped or could not be written. From any thread.
    std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

private:
    using clock = std::chrono::steady_clock;
    void run();
    std::string_view put(std::string_view bytes);
    void lose(std::string_view lines);
    bool wait_writable();

    const int fd_;
    const bool is_file_;
    const std::size_t most_;
    const batch_handler hand_over_;
    std::atomic<std::uint64_t> lost_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string gathered_;
    clock::time_point give_up_at_ = clock::time_point::max();
    bool half_ = false;    // a part of a line was written, and its rest is lost; the thread's
    bool waiting_ = false; // the thread has nothing to do
    bool stopped_ = false;
    std::thread thread_;
};

} // namespace finpost
