#include "queue/queue_directory.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace finpost::detail {

namespace {

parse_error problem(const std::string& path, std::string_view what) {
    return {path + ": " + std::string(what)};
}

parse_error system_problem(const std::string& path, std::string_view what) {
    return problem(path, std::string(what) + ": " + last_system_error().message());
}

std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

// Each directory that is made is a new name in its parent: synced once, here.
parsed<void> make_directories(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0) {
        if (errno == EEXIST) return {};
        if (errno != ENOENT || path == ".") return system_problem(path, "cannot be made");
        const auto made = make_directories(parent_of(path));
        if (!made) return made.error();
        if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
            return system_problem(path, "cannot be made");
    }
    const error_code failed = sync_directory(parent_of(path));
    if (failed) return problem(parent_of(path), "cannot be synced: " + failed.message());
    return {};
}

// Whoever made these directories may have ended before that, or have failed to: the names above are
// synced until there is a database, which nobody makes before. Those of another file system have
// their names there.
parsed<void> sync_names_above(const std::string& path) {
    struct stat below {};
    struct stat above {};
    if (::stat(path.c_str(), &below) != 0) return system_problem(path, "cannot be looked at");
    for (std::string each = path; each != "/" && each != ".";) {
        each = parent_of(each);
        if (::stat(each.c_str(), &above) != 0 || above.st_dev != below.st_dev) break;
        const error_code failed = sync_directory(each);
        if (failed == boost::system::errc::permission_denied) break; // nor could it be made in
        if (failed) return problem(each, "cannot be synced: " + failed.message());
    }
    return {};
}

parsed<void> check_directory(const std::string& path) {
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0) return system_problem(path, "cannot be looked at");
    if (!S_ISDIR(about.st_mode)) return problem(path, "is not a directory");
    if (about.st_uid != ::geteuid())
        return problem(path, "belongs to the user with the number " + std::to_string(about.st_uid) +
                                 ", and finpost runs as " + std::to_string(::geteuid()));
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return problem(path, "can be written by others: chmod 0700");
    return {};
}

std::string holder_of(int fd) {
    std::array<char, 32> text{};
    const ssize_t n = ::pread(fd, text.data(), text.size() - 1, 0);
    std::string_view line(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    line = line.substr(0, line.find('\n'));
    const bool number =
        !line.empty() && line.find_first_not_of("0123456789") == std::string_view::npos;
    return number ? "process " + std::string(line) : "another process";
}

// The nearest directory that is there has to take a new one.
std::string cannot_be_made(const std::string& path) {
    struct stat about {};
    std::string above = parent_of(path);
    while (::stat(above.c_str(), &about) != 0 && above != "." && above != "/")
        above = parent_of(above);
    if (::access(above.c_str(), W_OK | X_OK) == 0 && S_ISDIR(about.st_mode)) return {};
    if (S_ISREG(about.st_mode)) errno = ENOTDIR;
    return system_problem(path, "cannot be made").message;
}

parsed<unique_fd> lock_directory(const std::string& path) {
    const std::string name = path + "/lock";
    unique_fd fd(::open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return system_problem(name, "cannot be opened");
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return system_problem(name, "cannot be locked");
        return problem(path, "is in use by " + holder_of(fd.get()));
    }
    // For people and for the message above: the lock itself is the kernel's. A disk that is full is
    // no reason not to start.
    const std::string pid = std::to_string(::getpid()) + '\n';
    const auto size = static_cast<ssize_t>(pid.size());
    const bool written = ::pwrite(fd.get(), pid.data(), pid.size(), 0) == size;
    if (::ftruncate(fd.get(), written ? size : 0) != 0)
        return system_problem(name, "cannot be written");
    return fd;
}

} // namespace

error_code last_system_error() noexcept { return {errno, boost::system::system_category()}; }

bool is_no_space(const error_code& ec) noexcept {
    return ec.category() == boost::system::system_category() &&
           (ec.value() == ENOSPC || ec.value() == EDQUOT || ec.value() == EFBIG);
}

std::string parent_of(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == path.npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

error_code sync_directory(const std::string& path) noexcept {
    const unique_fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return last_system_error();
    return {};
}

error_code sync_file(const std::string& path) noexcept {
    const unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return last_system_error();
    return {};
}

queue_directory::look queue_directory::look_at(const std::string& path) {
    const std::string bare = without_slashes(path);
    struct stat about {};
    if (::lstat(bare.c_str(), &about) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return {cannot_be_made(bare), {}};
    const auto checked = check_directory(bare);
    if (!checked) return {checked.error().message, {}};
    if (::access(bare.c_str(), R_OK | W_OK | X_OK) != 0)
        return {system_problem(bare, "cannot be used").message, {}};
    const unique_fd lock(::open((bare + "/lock").c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (!lock || ::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return {};
    return {{}, problem(bare, "is in use by " + holder_of(lock.get())).message};
}

parsed<queue_directory> queue_directory::open(const std::string& path) {
    std::string bare = without_slashes(path);
    if (bare.empty()) return parse_error{"the queue has no directory"};
    const std::string payloads = bare + "/payloads";
    auto made = make_directories(bare);
    if (made) made = check_directory(bare);
    if (made && ::access((bare + "/queue.db").c_str(), F_OK) != 0) made = sync_names_above(bare);
    if (!made) return made.error();
    auto lock = lock_directory(bare);
    if (!lock) return lock.error();
    made = make_directories(payloads);
    if (made) made = check_directory(payloads);
    if (!made) return made.error();
    return queue_directory(std::move(bare), std::move(*lock));
}

error_code queue_directory::sync() const noexcept { return sync_directory(path_); }

} // namespace finpost::detail
