#pragma once

#include "crash/disk_image.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace finpost::test {

/// Which syncs are left out: a disk that does not do what it says, or a program that has forgotten
/// to ask. What checks a store must notice each.
enum class broken_sync { none, payload, payload_names, log, database, names };

/// What is wrong with a disk, from one change or one read on.
struct disk_fault {
    enum class kind {
        none,
        io_error,
        no_space,
        short_write,
        slow_sync,         ///< it takes longer than anybody waits, and is good
        slow_failing_sync, ///< the same, and then it fails
        unread,            ///< a read fails
        unread_zeros,      ///< a program that does not look: it takes zeros for what it has read
    };
    kind what = kind::none;
    std::size_t after = 0; ///< so many changes that are good; reads, where reads fail
    std::size_t times = 1;
    /// When a sync has failed, what it was for is still in memory, and not on the disk. This says
    /// whether it can be dropped from there (POSIX_FADV_DONTNEED).
    bool drops = true;
};

/// While it lives, whatever this process changes below a folder is recorded, with the syncs: the C
/// library's functions are replaced, for SQLite's library as well. The changes are made, and the
/// syncs are not.
///
/// Not thread safe: one thread. The one that was made last records. A file that is mapped to be
/// written is not followed.
class recorded_disk {
public:
    /// `folder` is what `start` says. `before_each` is called before each change.
    recorded_disk(std::filesystem::path folder, disk_image start, broken_sync broken,
                  std::function<void()> before_each);
    /// The process of `before` was killed, and another one goes on: what is in memory stays there.
    recorded_disk(const recorded_disk& before, std::function<void()> before_each);
    ~recorded_disk();
    recorded_disk& operator=(const recorded_disk&) = delete;

    const disk_image& start() const noexcept { return start_; }
    const std::vector<disk_call>& calls() const noexcept { return calls_; }

    /// A full disk: nothing can be written, as long as the file `while_there` exists, and no file
    /// gets more room. Empty: it is full no more.
    void fill(std::string while_there) { full_while_ = std::move(while_there); }

    /// From now on.
    void fail(disk_fault what) { fault_ = what; }
    /// Called within a sync that is slow, which returns when this has.
    void while_slow(std::function<void()> call) { while_slow_ = std::move(call); }
    /// How many changes and reads were begun, with those that failed, and which changes were syncs.
    std::size_t begun() const noexcept { return begun_; }
    std::size_t reads() const noexcept { return reads_; }
    const std::vector<std::size_t>& syncs() const noexcept { return syncs_; }

    // What the C library's functions do.
    static recorded_disk* current;
    bool follows(int fd) const { return open_.count(fd) == 1; }
    /// The name in the folder; empty for what is not in it.
    std::string name_of(const char* path) const;
    /// One of the folder, which somebody reads.
    bool is_directory(int fd) const;
    bool is_there(const std::string& name) const { return now_.count(name) == 1; }
    bool no_room(bool for_more) const;
    /// What is wrong with it: an error, or one of these. 0: nothing.
    static constexpr int short_write = -1;
    static constexpr int only_zeros = -2;
    int change_begins();
    int sync_begins(int fd);
    int read_begins();
    /// A file as it is on the disk, to be read; and what is in memory only is dropped.
    int open_as_on_disk(const std::string& name) const;
    void drop_forgotten(int fd) const;
    void opened(int fd, const std::string& name, bool emptied);
    void closed(int fd) { open_.erase(fd); }
    void wrote(int fd, std::uint64_t at, std::string_view data);
    void resized(int fd, disk_call::kind what, std::uint64_t size);
    void synced(int fd);
    void made_directory(const std::string& name);
    void renamed(const std::string& from, const std::string& to, disk_call::kind what);
    void removed(const std::string& name);

private:
    struct open_file {
        file_number file = 0; // 0: a directory
        std::string name;
    };
    bool strikes();
    bool is_left_out(const open_file& synced) const;
    void forget_unsynced(const open_file& of);

    recorded_disk* const outer_;
    const std::filesystem::path folder_;
    const disk_image start_;
    const broken_sync broken_;
    const std::function<void()> before_each_;
    std::string full_while_;
    disk_fault fault_;
    std::function<void()> while_slow_;
    std::size_t begun_ = 0;
    std::size_t reads_ = 0;
    std::vector<std::size_t> syncs_;
    std::vector<disk_call> calls_;
    std::map<std::string, file_number> now_;
    std::map<int, open_file> open_;
    file_number last_ = 0;
};

} // namespace finpost::test
