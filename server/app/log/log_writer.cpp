#include "log/log_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <utility>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace finpost {

namespace {

// How long lines gather: under load the thread then wakes two hundred times a second instead of
// once a line, and nobody who reads a log sees five milliseconds.
constexpr std::chrono::milliseconds gather{5};
constexpr int look_again = 20; // milliseconds: how soon the thread notices that it is to give up

} // namespace

bool is_regular_file(int fd) {
    struct stat about {};
    return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

log_writer::log_writer(int fd, std::size_t most, batch_handler hand_over)
    : fd_(fd), is_file_(is_regular_file(fd)), most_(most), hand_over_(std::move(hand_over)),
      thread_([this] { run(); }) {}

log_writer::~log_writer() { stop(std::chrono::seconds(1)); }

void log_writer::append(std::string_view line) {
    const std::lock_guard lock(mutex_);
    if (stopped_ || line.size() > most_ - gathered_.size()) {
        lost_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    gathered_ += line;
    if (waiting_) changed_.notify_one();
    waiting_ = false;
}

bool log_writer::stop(std::chrono::milliseconds limit) {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        give_up_at_ = clock::now() + limit;
    }
    if (!thread_.joinable()) return true;
    const std::uint64_t before = lost();
    changed_.notify_one();
    thread_.join();
    return lost() == before;
}

void log_writer::run() {
    // Signals are for the threads that know what to do with them.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::string lines;
    std::unique_lock lock(mutex_);
    while (!stopped_ || !gathered_.empty()) {
        if (gathered_.empty()) {
            waiting_ = true;
            changed_.wait(lock, [this] { return stopped_ || !gathered_.empty(); });
            changed_.wait_for(lock, gather, [this] { return stopped_; });
            waiting_ = false;
        }
        lines.swap(gathered_);
        lock.unlock();
        try {
            hand_over_(lines);
        } catch (...) {
            lose(lines); // no memory for a batch is no reason to end the thread
        }
        lines.clear();
        lock.lock();
    }
}

void log_writer::write(std::string_view lines) {
    if (half_ && !put("\n").empty()) return lose(lines);
    half_ = false;
    const std::string_view rest = put(lines);
    const std::size_t written = lines.size() - rest.size();
    half_ = !rest.empty() && written > 0 && lines[written - 1] != '\n';
    lose(rest);
}

// What could not be written.
std::string_view log_writer::put(std::string_view bytes) {
    while (!bytes.empty()) {
        if (!is_file_ && !wait_writable()) break;
        const std::size_t most = is_file_ ? bytes.size() : PIPE_BUF;
        const ssize_t n = ::write(fd_, bytes.data(), std::min(bytes.size(), most));
        if (n >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR && errno != EAGAIN)
            break; // a full disk, a reader that has gone
    }
    return bytes;
}

void log_writer::lose(std::string_view lines) {
    lost_.fetch_add(static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')),
                    std::memory_order_relaxed);
}

bool log_writer::wait_writable() {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (clock::now() >= give_up_at_) return false;
        }
        pollfd polled{fd_, POLLOUT, 0};
        const int n = ::poll(&polled, 1, look_again);
        if (n > 0) return true; // an error shows in the write
        if (n < 0 && errno != EINTR) return false;
    }
}

} // namespace finpost
