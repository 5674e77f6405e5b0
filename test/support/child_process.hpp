#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace finpost::test {

/// A program started for a test, with its output collected. The destructor ends it (SIGKILL, by its
/// process id) and nothing else; a program that outlives the test program is killed by the kernel.
class child_process {
public:
    using milliseconds = std::chrono::milliseconds;

    /// Starts `argv` (found through PATH). `environment` ("NAME=value") is added to the test's own;
    /// `input` is what it reads on standard input, then EOF. Throws std::system_error when it
    /// cannot.
    explicit child_process(std::vector<std::string> argv, std::vector<std::string> environment = {},
                           std::string input = {});
    ~child_process();
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    pid_t pid() const noexcept { return pid_; }
    void signal(int number) const noexcept;

    /// Waits for its end; the exit code, or 128 + signal, or nothing when it is still running.
    std::optional<int> wait(milliseconds limit = milliseconds(20'000));

    /// Waits until standard output or standard error holds `text`, or its end; false when it never
    /// does.
    bool wait_for_output(std::string_view text, milliseconds limit = milliseconds(20'000));
    bool wait_for_error(std::string_view text, milliseconds limit = milliseconds(20'000));

    /// What it has written so far; all of it after `wait`.
    std::string output() const;
    std::string error() const;

private:
    struct stream {
        std::string text;
        bool ended = false;
    };
    void collect(int fd, stream& into);
    bool wait_for(const stream& in, std::string_view text, milliseconds limit);

    pid_t pid_ = -1;
    std::optional<int> exit_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    stream out_, err_;
    std::vector<std::thread> threads_;
};

/// Where a program is on PATH; empty when it is not installed.
std::string find_program(const std::string& name);

/// Whether a program is there to test with; as `can_run` when it is not.
bool have(const std::string& program);

} // namespace finpost::test
