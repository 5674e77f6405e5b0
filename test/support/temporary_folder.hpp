#pragma once

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

#include <unistd.h>

namespace finpost::test {

/// A folder of its own, gone with everything in it in the end.
class temporary_folder {
public:
    temporary_folder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "finpost-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = pattern;
    }
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

/// From now on these folders are in memory, where there is room: for what is made and thrown away
/// by the thousand. Before any thread.
inline void prefer_memory() {
    std::error_code failed;
    const auto shared = std::filesystem::space("/dev/shm", failed);
    const bool writable = ::access("/dev/shm", W_OK) == 0;
    if (!failed && writable && shared.available > (std::uintmax_t{256} << 20))
        ::setenv("TMPDIR", "/dev/shm", 1); // NOLINT(concurrency-mt-unsafe)
}

} // namespace finpost::test
