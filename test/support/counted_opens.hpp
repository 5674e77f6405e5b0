#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include <sys/inotify.h>
#include <unistd.h>

namespace finpost::test {

/// How often whoever it is opens the files of a folder, from now on (inotify(7)).
class counted_opens {
public:
    explicit counted_opens(const std::filesystem::path& folder)
        : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
        // With what closes them: events that are equal and follow each other become one.
        if (::inotify_add_watch(fd_, folder.c_str(), IN_OPEN | IN_CLOSE) < 0)
            throw std::system_error(errno, std::generic_category(), "inotify");
    }
    ~counted_opens() { ::close(fd_); }
    counted_opens(const counted_opens&) = delete;
    counted_opens& operator=(const counted_opens&) = delete;

    /// Of each file that was opened since the last call, by its name.
    std::map<std::string, int> take() {
        std::map<std::string, int> counts;
        alignas(inotify_event) std::array<char, 16 << 10> buffer;
        for (;;) {
            const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
            if (n <= 0) return counts;
            for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
                inotify_event event{};
                std::memcpy(&event, buffer.data() + at, sizeof event);
                const char* const name = buffer.data() + at + sizeof event;
                if ((event.mask & IN_OPEN) != 0 && event.len > 0) ++counts[name];
                at += sizeof event + event.len;
            }
        }
    }

private:
    const int fd_;
};

} // namespace finpost::test
