#include "sim/disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace finpost::sim {

int make_disk_file(kernel& k) {
    static constexpr int why[] = {ENOSPC, EIO, EMFILE};
    if (k.happens(hardship::no_file, k.hard.no_file, k.dice))
        return -why[k.dice.below(std::size(why))];
    return k.open(k.make<disk_file>());
}

std::int64_t disk_file::write(const void* from, std::size_t n, off_t at) {
    if (at < 0) return -EINVAL;
    if (k.happens(hardship::disk_full, k.hard.disk_full, k.dice)) return -ENOSPC;
    if (k.happens(hardship::disk_error, k.hard.disk_error, k.dice)) return -EIO;
    if (n > 1 && k.happens(hardship::short_disk_write, k.hard.short_disk, k.dice))
        n = 1 + k.dice.below(n - 1);
    const auto where = static_cast<std::size_t>(at);
    if (n > 0 && bytes.size() < where + n) bytes.resize(where + n);
    if (n > 0) std::memcpy(bytes.data() + where, from, n);
    return static_cast<std::int64_t>(n);
}

std::int64_t disk_file::read(void* to, std::size_t n, off_t at) {
    if (at < 0) return -EINVAL;
    if (k.happens(hardship::disk_read_error, k.hard.read_error, k.dice)) return -EIO;
    const auto where = static_cast<std::size_t>(at);
    if (where >= bytes.size()) return 0;
    n = std::min(n, bytes.size() - where);
    if (n > 1 && k.happens(hardship::short_disk_read, k.hard.short_read, k.dice))
        n = 1 + k.dice.below(n - 1);
    std::memcpy(to, bytes.data() + where, n);
    return static_cast<std::int64_t>(n);
}

std::int64_t disk_file::truncate(off_t size) {
    if (size < 0) return -EINVAL;
    bytes.resize(static_cast<std::size_t>(size));
    return 0;
}

} // namespace finpost::sim
