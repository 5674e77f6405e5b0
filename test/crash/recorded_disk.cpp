#include "crash/recorded_disk.hpp"

#include <dirent.h>
#include <linux/magic.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace {

using finpost::test::disk_call;
using finpost::test::recorded_disk;

recorded_disk*& current = recorded_disk::current;

int give(long result) noexcept { return static_cast<int>(result); }
int fail_with(int error) noexcept {
    errno = error;
    return -1;
}

int open_file(const char* path, int flags, mode_t mode) {
    const std::string name = current != nullptr ? current->name_of(path) : std::string();
    if (name.empty()) return give(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
    if ((flags & O_DIRECT) != 0) return current->open_as_on_disk(name);
    const bool makes = (flags & O_CREAT) != 0 && !current->is_there(name);
    const bool empties = (flags & O_TRUNC) != 0 && !makes;
    int error = makes || empties ? current->change_begins() : 0;
    if (!makes && current->is_there(name)) error = std::max(error, current->read_begins());
    if (error > 0) return fail_with(error);
    const int fd = give(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
    if (fd >= 0) current->opened(fd, name, empties);
    return fd;
}

ssize_t write_at(int fd, const void* data, size_t size, off64_t at) {
    if (current == nullptr || !current->follows(fd))
        return ::syscall(SYS_pwrite64, fd, data, size, at);
    const int error = current->change_begins();
    if (error > 0) return fail_with(error);
    if (current->no_room(false)) return fail_with(ENOSPC);
    if (error == recorded_disk::short_write && size > 1) size /= 2;
    const ssize_t n = ::syscall(SYS_pwrite64, fd, data, size, at);
    if (n > 0)
        current->wrote(fd, static_cast<std::uint64_t>(at),
                       {static_cast<const char*>(data), static_cast<size_t>(n)});
    return n;
}

ssize_t read_at(int fd, void* to, size_t size, off64_t at) {
    const bool follows = current != nullptr && current->follows(fd);
    const int error = follows ? current->read_begins() : 0;
    if (error > 0) return fail_with(error);
    const ssize_t n = ::syscall(SYS_pread64, fd, to, size, at);
    if (error == recorded_disk::only_zeros && n > 0) std::memset(to, 0, static_cast<size_t>(n));
    return n;
}

// The next name, by the C library's own function.
template <class Entry>
Entry* next_name(DIR* of, const char* function) {
    static const auto real = reinterpret_cast<Entry* (*)(DIR*)>(::dlsym(RTLD_NEXT, function));
    const bool follows = current != nullptr && current->is_directory(::dirfd(of));
    const int error = follows ? current->read_begins() : 0;
    if (error <= 0) return real(of);
    errno = error;
    return nullptr;
}

int sync_file(int fd) {
    if (current == nullptr) return 0;
    if (current->follows(fd)) {
        if (const int error = current->sync_begins(fd); error > 0) return fail_with(error);
        current->synced(fd);
    }
    return 0;
}

int resize_file(int fd, off64_t size) {
    const bool follows = current != nullptr && current->follows(fd);
    const int error = follows ? current->change_begins() : 0;
    if (error > 0) return fail_with(error);
    const int failed = give(::syscall(SYS_ftruncate, fd, size));
    if (follows && failed == 0)
        current->resized(fd, disk_call::kind::resize, static_cast<std::uint64_t>(size));
    return failed;
}

// The room is not taken: a folder in memory has no other use for it.
int reserve_room(int fd, off64_t at, off64_t size) {
    const bool follows = current != nullptr && current->follows(fd);
    const int error = follows ? current->change_begins() : 0;
    if (error > 0) return error;
    if (follows && current->no_room(true)) return ENOSPC;
    struct stat about {};
    if (::fstat(fd, &about) != 0) return errno;
    const off64_t to = std::max<off64_t>(about.st_size, at + size);
    if (::syscall(SYS_ftruncate, fd, to) != 0) return errno;
    if (follows) current->resized(fd, disk_call::kind::reserve, static_cast<std::uint64_t>(to));
    return 0;
}

// From `from` to `to`, by a system call.
int give_name(long call, const char* from, const char* to, disk_call::kind what) {
    const std::string name = current != nullptr ? current->name_of(to) : std::string();
    const int error = name.empty() ? 0 : current->change_begins();
    if (error > 0) return fail_with(error);
    const int failed = give(::syscall(call, from, to));
    if (!name.empty() && failed == 0) current->renamed(current->name_of(from), name, what);
    return failed;
}

} // namespace

// These stand before the C library's: a program's own functions are found first, also by the
// libraries that it is linked with.
extern "C" {

int open(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return open_file(path, flags, mode);
}

int close(int fd) {
    if (current != nullptr) current->closed(fd);
    return give(::syscall(SYS_close, fd));
}

ssize_t write(int fd, const void* data, size_t size) {
    if (current == nullptr || !current->follows(fd)) return ::syscall(SYS_write, fd, data, size);
    const off_t at = ::lseek(fd, 0, SEEK_CUR);
    const ssize_t n = write_at(fd, data, size, at);
    if (n > 0) ::lseek(fd, at + n, SEEK_SET);
    return n;
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
    return write_at(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
    return write_at(fd, data, size, at);
}

ssize_t pread(int fd, void* to, size_t size, off_t at) { return read_at(fd, to, size, at); }
ssize_t pread64(int fd, void* to, size_t size, off64_t at) { return read_at(fd, to, size, at); }

dirent* readdir(DIR* of) { return next_name<dirent>(of, "readdir"); }
dirent64* readdir64(DIR* of) { return next_name<dirent64>(of, "readdir64"); }

int ftruncate(int fd, off_t size) noexcept { return resize_file(fd, size); }
int ftruncate64(int fd, off64_t size) noexcept { return resize_file(fd, size); }

int posix_fallocate(int fd, off_t at, off_t size) { return reserve_room(fd, at, size); }
int posix_fallocate64(int fd, off64_t at, off64_t size) { return reserve_room(fd, at, size); }

int fsync(int fd) { return sync_file(fd); }
int fdatasync(int fd) { return sync_file(fd); }

// A folder in memory is no excuse: this one has a disk.
int fstatfs(int fd, struct statfs* to) noexcept {
    const int failed = give(::syscall(SYS_fstatfs, fd, to));
    if (failed == 0 && current != nullptr && current->follows(fd)) to->f_type = EXT4_SUPER_MAGIC;
    return failed;
}
int posix_fadvise(int fd, off_t at, off_t size, int advice) noexcept {
    if (current == nullptr || !current->follows(fd))
        return ::syscall(SYS_fadvise64, fd, at, size, advice) == 0 ? 0 : errno;
    if (advice == POSIX_FADV_DONTNEED) current->drop_forgotten(fd);
    return 0;
}

int mkdir(const char* path, mode_t mode) noexcept {
    const std::string name = current != nullptr ? current->name_of(path) : std::string();
    const int error = name.empty() ? 0 : current->change_begins();
    if (error > 0) return fail_with(error);
    const int failed = give(::syscall(SYS_mkdir, path, mode));
    if (!name.empty() && failed == 0) current->made_directory(name);
    return failed;
}

int rename(const char* from, const char* to) noexcept {
    return give_name(SYS_rename, from, to, disk_call::kind::rename);
}

int link(const char* from, const char* to) noexcept {
    return give_name(SYS_link, from, to, disk_call::kind::link);
}

int unlink(const char* path) noexcept {
    const std::string name = current != nullptr ? current->name_of(path) : std::string();
    const bool is_there = !name.empty() && current->is_there(name);
    const int error = is_there ? current->change_begins() : 0;
    if (error > 0) return fail_with(error);
    const int failed = give(::syscall(SYS_unlink, path));
    if (!name.empty() && failed == 0) current->removed(name);
    return failed;
}

} // extern "C"

namespace finpost::test {

recorded_disk* recorded_disk::current = nullptr;

recorded_disk::recorded_disk(std::filesystem::path folder, disk_image start, broken_sync broken,
                             std::function<void()> before_each)
    : outer_(current), folder_(std::move(folder)), start_(std::move(start)), broken_(broken),
      before_each_(std::move(before_each)), now_(start_.names) {
    for (const auto& [name, file] : now_) last_ = std::max(last_, file);
    current = this;
}

recorded_disk::recorded_disk(const recorded_disk& before, std::function<void()> before_each)
    : outer_(current), folder_(before.folder_), start_(before.start_), broken_(before.broken_),
      before_each_(std::move(before_each)), fault_{.drops = before.fault_.drops},
      calls_(before.calls_), now_(before.now_), last_(before.last_) {
    current = this;
}

recorded_disk::~recorded_disk() { current = outer_; }

std::string recorded_disk::name_of(const char* path) const {
    const std::string& top = folder_.native();
    const std::string_view all(path);
    if (all == top) return "."; // the folder itself: a directory to sync
    if (!all.starts_with(top) || all[top.size()] != '/') return {};
    return std::string(all.substr(top.size() + 1));
}

bool recorded_disk::is_directory(int fd) const {
    std::array<char, 4096> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t n = ::readlink(link.c_str(), path.data(), path.size() - 1);
    return n > 0 && !name_of(path.data()).empty();
}

bool recorded_disk::no_room(bool for_more) const {
    if (full_while_.empty()) return false;
    return for_more || ::access(full_while_.c_str(), F_OK) == 0;
}

void recorded_disk::opened(int fd, const std::string& name, bool emptied) {
    struct stat about {};
    if (::fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) {
        open_[fd] = {0, name == "." ? std::string() : name};
        return;
    }
    const auto [found, fresh] = now_.try_emplace(name, last_ + 1);
    open_[fd] = {found->second, name};
    if (fresh) {
        ++last_;
        calls_.push_back({.what = disk_call::kind::create, .file = last_, .name = name});
    } else if (emptied) {
        calls_.push_back({.what = disk_call::kind::resize, .file = found->second});
    }
}

void recorded_disk::wrote(int fd, std::uint64_t at, std::string_view data) {
    calls_.push_back({.what = disk_call::kind::write,
                      .file = open_.at(fd).file,
                      .at = at,
                      .data = std::string(data)});
}

void recorded_disk::resized(int fd, disk_call::kind what, std::uint64_t size) {
    calls_.push_back({.what = what, .file = open_.at(fd).file, .at = size});
}

bool recorded_disk::is_left_out(const open_file& synced) const {
    const bool is_payload = synced.name.find("payloads") != std::string::npos;
    switch (broken_) {
    case broken_sync::none:
        return false;
    case broken_sync::payload:
        return synced.file != 0 && is_payload;
    case broken_sync::payload_names:
        return synced.file == 0 && is_payload;
    case broken_sync::log:
        return synced.name.ends_with("queue.db-wal");
    case broken_sync::database:
        return synced.name.ends_with("queue.db");
    case broken_sync::names:
        return synced.file == 0;
    }
    return false;
}

void recorded_disk::synced(int fd) {
    const open_file& which = open_.at(fd);
    if (is_left_out(which)) return;
    if (which.file == 0)
        calls_.push_back({.what = disk_call::kind::sync_directory, .name = which.name});
    else
        calls_.push_back({.what = disk_call::kind::sync, .file = which.file});
}

void recorded_disk::made_directory(const std::string& name) {
    calls_.push_back({.what = disk_call::kind::make_directory, .name = name});
}

void recorded_disk::renamed(const std::string& from, const std::string& to, disk_call::kind what) {
    const file_number file = now_.at(from);
    if (what == disk_call::kind::rename) now_.erase(from);
    now_[to] = file;
    calls_.push_back({.what = what, .file = file, .name = from, .to = to});
}

void recorded_disk::removed(const std::string& name) {
    now_.erase(name);
    calls_.push_back({.what = disk_call::kind::remove, .name = name});
}

} // namespace finpost::test
