#include "queue/reserve_file.hpp"

#include "net/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace finpost::detail {

bool reserve_file::make() noexcept {
    if (there_) return true;
    const unique_fd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    there_ = fd && ::posix_fallocate(fd.get(), 0, size) == 0;
    if (!there_) release();
    return there_;
}

void reserve_file::release() noexcept {
    ::unlink(path_.c_str());
    there_ = false;
}

} // namespace finpost::detail
