// Put in front of the C library by LD_PRELOAD: the disk of a whole process syncs nothing as long as
// the file that SYNCS_FAIL_WHILE names is there.
#include <cerrno>
#include <cstdlib>

#include <sys/syscall.h>
#include <unistd.h>

namespace {

bool fails() {
    const char* const file = std::getenv("SYNCS_FAIL_WHILE"); // NOLINT(concurrency-mt-unsafe)
    if (file == nullptr || ::access(file, F_OK) != 0) return false;
    errno = EIO;
    return true;
}

} // namespace

extern "C" int fdatasync(int fd) {
    return fails() ? -1 : static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int fsync(int fd) { return fails() ? -1 : static_cast<int>(::syscall(SYS_fsync, fd)); }
