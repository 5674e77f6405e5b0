#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace finpost {

/// Gathers lines and writes them to a descriptor in large pieces. One thread appends and flushes.
///
/// It waits for a slow reader, but never inside `write`, where nothing could end the waiting: pipes
/// and terminals are asked first and get no more at once than a pipe takes whole.
class log_writer {
public:
    explicit log_writer(int fd);

    /// Adds a line, its line feed included; writes when enough have gathered.
    void append(std::string_view line);
    void flush();

    /// From now on nothing waits beyond `when`; what is unwritten then is lost. From any thread.
    void give_up_at(std::chrono::steady_clock::time_point when) noexcept;

    /// Lines that could not be written. From any thread.
    std::uint64_t lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

private:
    bool wait_writable() const noexcept;

    int fd_;
    bool is_file_;
    std::string gathered_;
    std::atomic<std::chrono::steady_clock::rep> give_up_at_;
    std::atomic<std::uint64_t> lost_{0};
};

} // namespace finpost
