// A recorded disk that fails.
#include "crash/recorded_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <random>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace finpost::test {

namespace {

using kind = disk_fault::kind;

constexpr int slow = -3; // of a sync

bool is_of_reads(kind what) noexcept { return what == kind::unread || what == kind::unread_zeros; }

bool write_whole(int fd, const file_content& content) {
    const auto size = static_cast<long>(content.bytes.size());
    return ::syscall(SYS_ftruncate, fd, 0) == 0 &&
           ::syscall(SYS_pwrite64, fd, content.bytes.data(), content.bytes.size(), 0) == size &&
           ::syscall(SYS_ftruncate, fd, content.size) == 0;
}

} // namespace

bool recorded_disk::strikes() {
    if (fault_.after > 0) {
        --fault_.after;
        return false;
    }
    if (fault_.times == 0) return false;
    --fault_.times;
    return true;
}

int recorded_disk::change_begins() {
    before_each_();
    ++begun_;
    if (fault_.what == kind::none || is_of_reads(fault_.what) || !strikes()) return 0;
    switch (fault_.what) {
    case kind::io_error:
        return EIO;
    case kind::no_space:
        return ENOSPC;
    case kind::short_write:
        return short_write;
    default:
        return slow;
    }
}

int recorded_disk::sync_begins(int fd) {
    syncs_.push_back(begun_);
    int error = change_begins();
    if (error == slow) {
        const bool fails = fault_.what == kind::slow_failing_sync;
        if (while_slow_) while_slow_();
        error = fails ? EIO : 0;
    }
    if (error > 0) forget_unsynced(open_.at(fd));
    return error;
}

int recorded_disk::read_begins() {
    ++reads_;
    if (!is_of_reads(fault_.what) || !strikes()) return 0;
    return fault_.what == kind::unread ? EIO : only_zeros;
}

void recorded_disk::forget_unsynced(const open_file& of) {
    if (of.file == 0) return; // names are in a journal: the next sync is for them, too, or fails
    for (std::size_t i = calls_.size(); i-- > 0;) {
        disk_call& call = calls_[i];
        if (call.file != of.file) continue;
        if (call.what == disk_call::kind::sync) return;
        if (!is_of_bytes(call) || call.is != disk_call::fate::open) continue;
        // None of it, all, or every other one.
        const bool came = begun_ % 3 == 1 || (begun_ % 3 == 2 && i % 2 == 0);
        call.is = came ? disk_call::fate::on_disk : disk_call::fate::only_in_memory;
    }
}

int recorded_disk::open_as_on_disk(const std::string& name) const {
    if (!is_there(name)) {
        errno = ENOENT;
        return -1;
    }
    std::mt19937_64 unused;
    disk_image image = after_power_loss(start_, calls_, {.bytes = 0, .names = 1}, unused);
    const int fd = ::memfd_create("disk", MFD_CLOEXEC);
    if (fd >= 0 && write_whole(fd, image.files[now_.at(name)])) return fd;
    errno = EIO;
    return -1;
}

// What is in memory only because nothing has written it yet stays.
void recorded_disk::drop_forgotten(int fd) const {
    if (!fault_.drops) return;
    std::mt19937_64 unused;
    disk_image image = after_power_loss(start_, calls_, {.bytes = 1, .names = 1}, unused);
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const long writable = ::syscall(SYS_openat, -1, path.c_str(), 2 /* O_RDWR */, 0);
    if (writable < 0) return;
    write_whole(static_cast<int>(writable), image.files[open_.at(fd).file]);
    ::syscall(SYS_close, writable);
}

} // namespace finpost::test
