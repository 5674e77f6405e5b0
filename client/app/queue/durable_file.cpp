#include "queue/durable_file.hpp"

#include "queue/queue_directory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace finpost {

using namespace detail;

namespace {

parse_error system_problem(const std::string& path, const char* what) {
    const error_code why = last_system_error();
    return {path + ": " + what + ": " + why.message()};
}

// Nothing that has the name already is written over.
bool give_name(const char* from, const char* to) {
    if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false; // some file systems know it not
    return ::link(from, to) == 0 && ::unlink(from) == 0;
}

ssize_t fill(int fd, std::array<char, 65'536>& into) {
    std::size_t n = 0;
    while (n < into.size()) {
        const ssize_t more = ::read(fd, into.data() + n, into.size() - n);
        if (more < 0 && errno == EINTR) continue;
        if (more < 0) return more;
        if (more == 0) break;
        n += static_cast<std::size_t>(more);
    }
    return static_cast<ssize_t>(n);
}

} // namespace

parsed<durable_file> durable_file::create(const std::string& path) {
    std::string temporary = path;
    const std::size_t name = temporary.rfind('/') == temporary.npos ? 0 : temporary.rfind('/') + 1;
    temporary.insert(name, 1, '.');
    ((temporary += '.') += std::to_string(::getpid())) += ".tmp";
    // One that is there is of a process that was killed and had our number.
    unique_fd fd(
        ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return system_problem(path, "cannot be made");
    return durable_file(path, std::move(temporary), std::move(fd));
}

durable_file::~durable_file() {
    if (fd_) ::unlink(temporary_.c_str());
}

parsed<void> durable_file::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_problem(path_, "cannot be written");
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

parsed<bool> durable_file::commit(existing what) {
    if (::fsync(fd_.get()) != 0) return system_problem(path_, "cannot be synced");
    return what == existing::replace ? commit_over() : commit_new(what);
}

parsed<bool> durable_file::commit_new(existing what) {
    if (!give_name(temporary_.c_str(), path_.c_str())) {
        if (errno == EEXIST && what == existing::keep_first) return false;
        if (errno == EEXIST) return compare();
        return system_problem(path_, "cannot be named");
    }
    fd_.reset();
    return true;
}

parsed<bool> durable_file::commit_over() {
    struct stat about {};
    if (::lstat(path_.c_str(), &about) == 0 && !S_ISREG(about.st_mode))
        return parse_error{path_ + ": is there, and is no file"};
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
        return system_problem(path_, "cannot be named");
    fd_.reset();
    const error_code failed = sync_directory(parent_of(path_));
    if (failed) return parse_error{path_ + ": its name cannot be synced: " + failed.message()};
    return true;
}

parsed<bool> durable_file::compare() const {
    const unique_fd there(::open(path_.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat about {};
    if (there && ::fstat(there.get(), &about) == 0 && !S_ISREG(about.st_mode))
        return parse_error{path_ + ": is there, and is no file"};
    if (!there || ::lseek(fd_.get(), 0, SEEK_SET) != 0)
        return system_problem(path_, "is there, and cannot be read");
    std::array<char, 65'536> one{}, other{};
    for (;;) {
        const ssize_t n = fill(fd_.get(), one), m = fill(there.get(), other);
        if (n < 0 || m < 0) return system_problem(path_, "is there, and cannot be read");
        if (n != m || !std::equal(one.begin(), one.begin() + n, other.begin())) return false;
        if (n == 0) return true;
    }
}

parsed<void> make_own_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return system_problem(path, "cannot be made");
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return system_problem(path, "cannot be looked at");
    if (!S_ISDIR(about.st_mode)) return parse_error{path + ": is no directory"};
    if (about.st_uid != ::geteuid()) return parse_error{path + ": belongs to somebody else"};
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return parse_error{path + ": can be written by others: chmod 0700"};
    const error_code failed = sync_directory(parent_of(path));
    if (failed) return parse_error{path + ": its name cannot be synced: " + failed.message()};
    return {};
}

} // namespace finpost
