#include "finpost/spill_file.hpp"

#include "finpost/payload.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace finpost {

namespace {

// What one write hands to the page cache: longer ones keep the event loop from others for too long.
constexpr std::size_t longest_write = 256 << 10;

error_code last_error() noexcept { return {errno, boost::system::system_category()}; }

// Some file systems (NFS, older overlays) have no files that never had a name.
int open_named(const std::string& directory) {
    std::string name = directory + "/finpost-XXXXXX";
    const int fd = ::mkostemp(name.data(), O_CLOEXEC); // mode 0600
    if (fd >= 0) ::unlink(name.c_str());
    return fd;
}

int open_unnamed(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
    return open_named(directory);
}

} // namespace

result<std::unique_ptr<spill_file>> spill_file::create(const std::string& directory,
                                                       byte_budget* space) {
    // The object first: without memory for it there is no descriptor that nobody would close.
    std::unique_ptr<spill_file> file(new spill_file(space));
    file->fd_ = open_unnamed(directory);
    if (file->fd_ < 0) return last_error();
    return file;
}

result<std::unique_ptr<spill_file>> spill_file::open(const std::string& path) {
    std::unique_ptr<spill_file> file(new spill_file(nullptr));
    file->fd_ = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file->fd_ < 0) return last_error();
    struct stat about {};
    if (::fstat(file->fd_, &about) != 0) return last_error();
    file->read_only_ = true;
    file->size_ = static_cast<std::uint64_t>(about.st_size);
    return file;
}

spill_file::~spill_file() {
    unmap();
    if (fd_ >= 0) ::close(fd_);
    if (space_ != nullptr && size_ != 0) space_->give_back(static_cast<std::size_t>(size_));
}

error_code spill_file::append(std::span<const std::byte> data) noexcept {
    if (space_ != nullptr && !space_->try_take(data.size()))
        return {ENOSPC, boost::system::system_category()};
    std::size_t done = 0;
    while (done < data.size()) {
        const auto piece = data.subspan(done, std::min(longest_write, data.size() - done));
        const ssize_t n =
            ::pwrite(fd_, piece.data(), piece.size(), static_cast<off_t>(size_ + done));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            const error_code failed =
                n < 0 ? last_error() : error_code(EIO, boost::system::system_category());
            if (space_ != nullptr) space_->give_back(data.size());
            return failed; // what was written is behind the end
        }
        done += static_cast<std::size_t>(n);
    }
    size_ += data.size();
    return {};
}

error_code spill_file::truncate(std::uint64_t size) noexcept {
    if (read_only_) return {EBADF, boost::system::system_category()};
    if (size >= size_) return {};
    unmap(); // its pages behind the end could not be read any more
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) return last_error();
    if (space_ != nullptr) space_->give_back(static_cast<std::size_t>(size_ - size));
    size_ = size;
    return {};
}

result<std::size_t> spill_file::read(std::uint64_t offset,
                                     std::span<std::byte> into) const noexcept {
    if (offset >= size_) return std::size_t{0};
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset));
    std::size_t done = 0;
    while (done < wanted) {
        const ssize_t n =
            ::pread(fd_, into.data() + done, wanted - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_error();
        if (n == 0) return error_code(EIO, boost::system::system_category()); // it was cut short
        done += static_cast<std::size_t>(n);
    }
    return done;
}

std::byte* spill_file::map() {
    if (mapped_ != nullptr && mapped_size_ == size_) return mapped_;
    unmap();
    if (size_ == 0) return nullptr;
    const auto size = static_cast<std::size_t>(size_);
    const int sharing = read_only_ ? MAP_PRIVATE : MAP_SHARED;
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, sharing, fd_, 0);
    if (memory == MAP_FAILED)
        throw std::system_error(errno, std::system_category(),
                                "a spilled payload cannot be mapped");
    mapped_ = static_cast<std::byte*>(memory);
    mapped_size_ = size;
    return mapped_;
}

void spill_file::unmap() noexcept {
    if (mapped_ != nullptr) ::munmap(mapped_, mapped_size_);
    mapped_ = nullptr;
}

} // namespace finpost
