#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace finpost::test {

/// Of a file, whatever its names are.
using file_number = std::uint64_t;

/// The bytes of a file. What is behind `bytes` are zeros: a file may have room that it does not
/// use.
struct file_content {
    std::string bytes;
    std::uint64_t size = 0;

    void write(std::uint64_t at, std::string_view data);
    void resize(std::uint64_t to);
    friend bool operator==(const file_content&, const file_content&) = default;
};

/// What is in a folder. Names are relative to it: "queue/lock".
struct disk_image {
    std::set<std::string> directories;
    std::map<std::string, file_number> names;
    std::map<file_number, file_content> files;

    /// Makes `folder`, which is not there or empty, what this is.
    void write_to(const std::filesystem::path& folder) const;
    /// What is different in `folder`; empty when nothing is.
    std::string differs_from(const std::filesystem::path& folder) const;
    /// Equal for images with the same names and bytes.
    std::size_t hash() const;
};

/// The folder that a name is in; empty at the top.
std::string folder_of(const std::string& name);

/// A change of a folder, or a sync of a part of it.
struct disk_call {
    enum class kind {
        create,         ///< of a file, under `name`
        make_directory, ///< `name`
        write,          ///< `data` at `at`
        resize,         ///< to `at` bytes
        reserve,        ///< `at` bytes at least
        rename,         ///< `name` to `to`
        link,           ///< `to` is another name of `name`
        remove,         ///< `name`
        sync,           ///< of the bytes and the size of a file
        sync_directory, ///< of the names in `name`
    };
    kind what;
    file_number file = 0;
    std::string name = {};
    std::string to = {};
    std::uint64_t at = 0;
    std::string data = {};
    /// When a sync of it has failed, the kernel takes it for written, and no later sync makes it
    /// durable: whether it came to the disk is settled.
    enum class fate { open, on_disk, only_in_memory };
    fate is = fate::open;
};

/// Whether it is about what is in a file, not about names.
bool is_of_bytes(const disk_call& call) noexcept;

/// How much of what was not synced a loss of power leaves: 0 nothing, 1 all.
struct power_loss {
    double bytes = 0;
    double names = 0;
};

/// What may be on the disk when the power is lost after `calls`. What a later sync made durable is
/// there. Of the rest, each write is there, is not, or is there in some of its sectors (512 or
/// 4,096 bytes), in any order; a file may have the size that a write would have given it and zeros
/// there. Each change of a directory is there as a whole, or not. A sync of a file says nothing
/// about its name.
disk_image after_power_loss(disk_image before, std::span<const disk_call> calls, power_loss loss,
                            std::mt19937_64& random);

} // namespace finpost::test
