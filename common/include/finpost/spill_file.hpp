#pragma once

#include "finpost/byte_budget.hpp"
#include "finpost/error.hpp"
#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace finpost {

/// A file without a name, for bytes that are too many for memory; it grows at the end.
///
/// One that `create` has made: no process can open it by a name, and it is gone with its
/// descriptor, however the process ends: O_TMPFILE, or where the file system has none, a name that
/// is removed at once. Mode 0600, closed on exec. Reading and writing block for as long as the page
/// cache does. On a tmpfs its bytes are memory. Sizes and offsets are bytes.
///
/// Threads: not thread safe; `read` calls may overlap while nothing else is called.
///
/// A process that limits the size of its files (RLIMIT_FSIZE) ignores SIGXFSZ, as `finpostd` does;
/// the signal would end it.
class FINPOST_EXPORT spill_file {
public:
    /// Makes an empty one in `directory`. Every byte is taken from `space`, which outlives the file
    /// (null: unlimited), and given back when the file goes. Fails with what the system says.
    /// Throws std::bad_alloc.
    static result<std::unique_ptr<spill_file>> create(const std::string& directory,
                                                      byte_budget* space = nullptr);

    /// The file at `path`, which has a name and keeps it: to be read only. `append` and `truncate`
    /// fail, and what is changed in `map` is not changed in the file. Fails with what the system
    /// says. Throws std::bad_alloc.
    static result<std::unique_ptr<spill_file>> open(const std::string& path);

    ~spill_file();
    spill_file(const spill_file&) = delete;
    spill_file& operator=(const spill_file&) = delete;

    /// Writes all of `data` behind the end, or fails with what the system says (no_space_on_device
    /// when `space` has not that much left) and is as long as before.
    error_code append(std::span<const std::byte> data) noexcept;

    /// Drops what is behind `size`, as far as anything is.
    error_code truncate(std::uint64_t size) noexcept;

    /// Reads bytes from `offset` on until `into` is full; fewer at the end of the file.
    result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const noexcept;

    /// The whole file as memory, pages of the file itself: what is changed there is changed in the
    /// file. The same until the file's size changes or the file goes. Throws std::system_error when
    /// it cannot be mapped. Reading a page that the disk does not give back is a SIGBUS, as with
    /// every mapped file.
    std::byte* map();

    /// As `payload::leave_budget`.
    counted_bytes leave_space() noexcept {
        return {std::exchange(space_, nullptr), static_cast<std::size_t>(size_)};
    }

    std::uint64_t size() const noexcept { return size_; }
    /// The descriptor, for sendfile(2). It stays the file's.
    int fd() const noexcept { return fd_; }

private:
    explicit spill_file(byte_budget* space) noexcept : space_(space) {}
    void unmap() noexcept;

    int fd_ = -1;
    bool read_only_ = false;
    byte_budget* space_;
    std::uint64_t size_ = 0;
    std::byte* mapped_ = nullptr;
    std::size_t mapped_size_ = 0;
};

} // namespace finpost
