#include "log_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace finpost {

namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t enough = 64 << 10;
constexpr int look_again = 50; // milliseconds: how soon `give_up_at` is noticed

bool is_regular_file(int fd) {
    struct stat about {};
    return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

} // namespace

log_writer::log_writer(int fd)
    : fd_(fd), is_file_(is_regular_file(fd)),
      give_up_at_(clock::time_point::max().time_since_epoch().count()) {}

void log_writer::append(std::string_view line) {
    gathered_ += line;
    if (gathered_.size() >= enough) flush();
}

void log_writer::flush() {
    std::string_view rest = gathered_;
    while (!rest.empty()) {
        if (!is_file_ && !wait_writable()) break;
        const std::size_t most = is_file_ ? rest.size() : PIPE_BUF;
        const std::size_t piece = std::min(rest.size(), most);
        const ssize_t n = ::write(fd_, rest.data(), piece);
        if (n >= 0) rest.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR && errno != EAGAIN) break; // a full disk, a reader that has gone
    }
    lost_.fetch_add(static_cast<std::uint64_t>(std::count(rest.begin(), rest.end(), '\n')),
                    std::memory_order_relaxed);
    gathered_.clear();
}

void log_writer::give_up_at(clock::time_point when) noexcept {
    give_up_at_ = when.time_since_epoch().count();
}

bool log_writer::wait_writable() const noexcept {
    for (;;) {
        pollfd one{fd_, POLLOUT, 0};
        const int n = ::poll(&one, 1, look_again);
        if (n > 0) return true; // an error shows in the write
        if (n < 0 && errno != EINTR) return false;
        if (clock::now().time_since_epoch().count() >= give_up_at_) return false;
    }
}

} // namespace finpost
