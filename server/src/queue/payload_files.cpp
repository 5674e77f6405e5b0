#include "queue/payload_files.hpp"

#include "net/unique_fd.hpp"
#include "queue/crc32c.hpp"
#include "queue/queue_directory.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <span>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace finpost::detail {

namespace {

constexpr std::size_t copied_at_once = 256 << 10;

error_code write_all(int fd, std::span<const std::byte> data) noexcept {
    while (!data.empty()) {
        const ssize_t n = ::write(fd, data.data(), data.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return last_system_error();
        data = data.subspan(static_cast<std::size_t>(n));
    }
    return {};
}

// The bytes, and their checksum on the way.
result<std::uint32_t> copy(const payload& from, int to) {
    std::vector<std::byte> piece(std::min(copied_at_once, from.size()));
    crc32c sum;
    for (std::uint64_t at = 0; at < from.size();) {
        const auto n = from.read(at, piece);
        if (!n) return n.error();
        if (*n == 0) return error_code(EIO, boost::system::system_category());
        const auto data = std::span<const std::byte>(piece).first(*n);
        sum.update(data);
        if (const error_code failed = write_all(to, data)) return failed;
        at += *n;
    }
    return sum.value();
}

struct directory_closer {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

error_code each_name(const std::string& path, const std::function<void(const std::string&)>& take) {
    const std::unique_ptr<DIR, directory_closer> directory(::opendir(path.c_str()));
    if (!directory) return last_system_error();
    for (;;) {
        errno = 0; // what tells the end from a failure
        // One thread reads this directory, and each has a stream of its own.
        const dirent* entry = ::readdir(directory.get()); // NOLINT(concurrency-mt-unsafe)
        if (entry == nullptr) return errno != 0 ? last_system_error() : error_code();
        const std::string name = static_cast<const char*>(entry->d_name);
        if (name != "." && name != "..") take(name);
    }
}

} // namespace

result<payload_files::written> payload_files::write(const request_id& id, const payload& body) {
    const std::string name = std::string(id.text()) + '.' + std::to_string(++made_);
    const std::string path = path_of(name);
    const std::string temporary = path + ".tmp";
    const unique_fd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return last_system_error();
    const auto sum = copy(body, fd.get());
    error_code failed;
    if (!sum)
        failed = sum.error();
    else if (::fdatasync(fd.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0)
        failed = last_system_error();
    if (!failed) return written{name, *sum};
    ::unlink(temporary.c_str());
    return failed;
}

error_code payload_files::sync() const noexcept { return sync_directory(directory_); }

result<std::unique_ptr<spill_file>> payload_files::open(const std::string& name) const {
    return spill_file::open(path_of(name));
}

void payload_files::remove(const std::string& name) const noexcept {
    ::unlink(path_of(name).c_str());
}

bool payload_files::empty() const {
    std::size_t names = 0;
    const error_code failed = each_name(directory_, [&](const std::string&) { ++names; });
    return !failed && names == 0;
}

result<std::size_t> payload_files::remove_others(std::set<std::string>& wanted) const {
    std::size_t removed = 0;
    const error_code failed = each_name(directory_, [&](const std::string& name) {
        if (wanted.erase(name) == 0) removed += ::unlink(path_of(name).c_str()) == 0 ? 1 : 0;
    });
    if (failed) return failed;
    return removed;
}

} // namespace finpost::detail
