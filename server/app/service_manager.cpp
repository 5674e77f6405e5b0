#include "service_manager.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace finpost {

namespace {

// A manager that does not read must not hold up the clients for longer.
constexpr timeval longest_send{1, 0};

std::optional<std::uint64_t> positive(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size() || value == 0)
        return std::nullopt;
    return value;
}

/// A number as text, without memory.
class number_text {
public:
    explicit number_text(std::uint64_t value) noexcept
        : end_(std::to_chars(text_.data(), text_.data() + text_.size(), value).ptr) {}
    number_text(const number_text&) = delete;
    number_text& operator=(const number_text&) = delete;
    operator std::string_view() const noexcept {
        return {text_.data(), static_cast<std::size_t>(end_ - text_.data())};
    }

private:
    std::array<char, 20> text_;
    char* end_;
};

detail::unique_fd notifying_socket(const std::string& address) {
    if (address.empty()) return detail::unique_fd();
    detail::unique_fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &longest_send, sizeof longest_send);
    return fd;
}

} // namespace

std::string take_variable(const char* name) {
    const char* const value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): one thread
    std::string text = value == nullptr ? "" : value;
    ::unsetenv(name); // NOLINT(concurrency-mt-unsafe)
    return text;
}

service_environment take_service_environment() {
    service_environment found{take_variable("NOTIFY_SOCKET")};
    const auto limit = positive(take_variable("WATCHDOG_USEC"));
    const std::string pid = take_variable("WATCHDOG_PID");
    const bool ours = pid.empty() || pid == std::to_string(::getpid());
    constexpr std::uint64_t longest = 366ULL * 24 * 3'600 * 1'000'000; // a year, else it overflows
    if (limit && ours) found.watchdog = std::chrono::microseconds(std::min(*limit, longest));
    return found;
}

service_manager::service_manager(std::string address, logger log)
    : address_(std::move(address)), socket_(notifying_socket(address_)), log_(std::move(log)) {}

void service_manager::ready(std::string_view status) noexcept {
    const number_text pid(static_cast<std::uint64_t>(::getpid()));
    tell({"READY=1\nMAINPID=", pid, "\nSTATUS=", status.substr(0, status.find('\n'))});
}

void service_manager::reloading() noexcept {
    const auto now = std::chrono::steady_clock::now().time_since_epoch(); // CLOCK_MONOTONIC
    const auto at = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    const number_text microseconds(static_cast<std::uint64_t>(at));
    tell({"RELOADING=1\nMONOTONIC_USEC=", microseconds, "\nSTATUS=reloading"});
}

void service_manager::stopping(std::uint64_t in_flight) noexcept {
    const number_text count(in_flight);
    tell({"STOPPING=1\nSTATUS=draining, exchanges in flight: ", count});
}

// One that gets lost is followed by the next.
void service_manager::alive() noexcept {
    if (!address_.empty()) send({"WATCHDOG=1"}, MSG_DONTWAIT);
}

void service_manager::tell(std::initializer_list<std::string_view> parts) noexcept {
    if (address_.empty()) return;
    const int error = send(parts, 0);
    const bool first = !std::exchange(warned_, error != 0);
    if (error == 0 || !first) return;
    try {
        log_(log_level::warning, "service manager not told",
             {{"socket", address_}, {"what", std::generic_category().message(error)}});
    } catch (...) {
        // No memory to say so.
    }
}

// 0, or the error. To the name each time: behind it may be another socket by now.
int service_manager::send(std::initializer_list<std::string_view> parts, int flags) const noexcept {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (address_[0] != '/' && address_[0] != '@') return EAFNOSUPPORT;
    if (address_.size() >= sizeof to.sun_path) return ENAMETOOLONG;
    std::memcpy(to.sun_path, address_.data(), address_.size());
    const bool abstract = address_[0] == '@';
    if (abstract) to.sun_path[0] = '\0';
    std::array<iovec, 4> pieces{};
    std::transform(parts.begin(), parts.end(), pieces.begin(), [](std::string_view part) {
        return iovec{const_cast<char*>(part.data()), part.size()};
    });
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size() +
                                                 (abstract ? 0 : 1));
    message.msg_iov = pieces.data();
    message.msg_iovlen = parts.size();
    for (;;) {
        if (::sendmsg(socket_.get(), &message, flags | MSG_NOSIGNAL) >= 0) return 0;
        if (errno != EINTR) return errno;
    }
}

} // namespace finpost
