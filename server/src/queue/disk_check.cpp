#include "queue/disk_check.hpp"

#include "net/unique_fd.hpp"
#include "queue/queue_directory.hpp"

#include <linux/magic.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace finpost::detail {

namespace {

constexpr std::size_t alignment = 4096;
constexpr std::size_t piece_size = 1 << 20;

struct releaser {
    void operator()(void* memory) const noexcept { std::free(memory); }
};
using buffer = std::unique_ptr<char, releaser>;

buffer make_buffer() {
    buffer made(static_cast<char*>(std::aligned_alloc(alignment, piece_size)));
    if (!made) throw std::bad_alloc();
    return made;
}

// Fewer bytes at the end of the file.
ssize_t read_piece(int fd, char* into, off_t at) noexcept {
    std::size_t done = 0;
    while (done < piece_size) {
        const ssize_t n =
            ::pread(fd, into + done, piece_size - done, at + static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
        if (done % alignment != 0) break; // the end: no further direct read can begin here
    }
    return static_cast<ssize_t>(done);
}

} // namespace

error_code check_against_disk(const std::string& path) {
    const unique_fd kept(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!kept) return errno == ENOENT ? error_code() : last_system_error();
    struct statfs about {};
    if (::fstatfs(kept.get(), &about) == 0 && about.f_type == TMPFS_MAGIC) return {};
    ::posix_fadvise(kept.get(), 0, 0, POSIX_FADV_DONTNEED);
    const unique_fd direct(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
    if (!direct) return last_system_error();
    const buffer from_cache = make_buffer();
    const buffer from_disk = make_buffer();
    for (off_t at = 0;;) {
        const ssize_t on_disk = read_piece(direct.get(), from_disk.get(), at);
        if (on_disk < 0) return last_system_error();
        const ssize_t in_cache = read_piece(kept.get(), from_cache.get(), at);
        if (in_cache < 0) return last_system_error();
        const auto size = static_cast<std::size_t>(on_disk);
        if (on_disk != in_cache || std::memcmp(from_disk.get(), from_cache.get(), size) != 0)
            return {EIO, boost::system::system_category()};
        if (size < piece_size) return {};
        at += on_disk;
    }
}

} // namespace finpost::detail
