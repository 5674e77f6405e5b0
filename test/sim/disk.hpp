// Files without a name, as spilled payloads are: bytes in memory, and what a disk can say.
#pragma once

#include "sim/kernel.hpp"

#include <string>

#include <sys/epoll.h>
#include <sys/types.h>

namespace finpost::sim {

struct disk_file : file {
    using file::file;
    // As pwrite(2) ...; negative: -errno.
    std::int64_t write(const void* from, std::size_t n, off_t at);
    std::int64_t read(void* to, std::size_t n, off_t at);
    std::int64_t truncate(off_t size);
    void close() override { bytes.clear(); }
    bool can_be_watched() const override { return false; }
    unsigned ready() const override { return EPOLLIN | EPOLLOUT; }
    std::string bytes;
};

/// As open(2) with O_TMPFILE.
int make_disk_file(kernel& k);

} // namespace finpost::sim
