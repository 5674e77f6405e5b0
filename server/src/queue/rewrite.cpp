#include "queue/rewrite.hpp"

#include "net/unique_fd.hpp"
#include "queue/queue_directory.hpp"

#include <cerrno>
#include <cstddef>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace finpost::detail {

namespace {

constexpr std::size_t rewritten_at_once = 256 << 10;

// A piece that is not whole is gone on with: nobody else writes.
error_code write_back(int fd, const char* from, std::size_t size, off_t at) noexcept {
    for (std::size_t done = 0; done < size;) {
        const ssize_t n = ::pwrite(fd, from + done, size - done, at + static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_system_error();
        done += static_cast<std::size_t>(n);
    }
    return {};
}

} // namespace

error_code rewrite_in_place(const std::string& path) {
    const unique_fd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return errno == ENOENT ? error_code() : last_system_error();
    std::vector<char> piece(rewritten_at_once);
    for (off_t at = 0;;) {
        const ssize_t n = ::pread(fd.get(), piece.data(), piece.size(), at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_system_error();
        if (n == 0) break;
        if (const error_code failed =
                write_back(fd.get(), piece.data(), static_cast<std::size_t>(n), at))
            return failed;
        at += n;
    }
    return ::fdatasync(fd.get()) != 0 ? last_system_error() : error_code();
}

} // namespace finpost::detail
