#include "cluster/cutting_proxy.hpp"

#include <array>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace finpost::test {

cutting_proxy::cutting_proxy(std::string socket) : socket_(std::move(socket)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    wake_ = ::eventfd(0, EFD_CLOEXEC);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    if (::bind(listener_, address, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, address, &size) != 0)
        throw std::runtime_error("no port for a proxy");
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { run(); });
}

cutting_proxy::~cutting_proxy() {
    stop_ = true;
    wake();
    thread_.join();
    ::close(listener_);
    ::close(wake_);
}

void cutting_proxy::wake() noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(::write(wake_, &one, sizeof one) == sizeof one);
}

void cutting_proxy::hang() {
    hangs_ = true;
    wake();
}

void cutting_proxy::cut_request(std::string text) {
    const std::lock_guard lock(mutex_);
    request_ = std::move(text);
}

void cutting_proxy::cut_answer(std::string text) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(text);
}

void cutting_proxy::run() {
    while (!stop_) {
        if (hangs_) {
            std::uint64_t seen = 0; // waits for the next
            static_cast<void>(::read(wake_, &seen, sizeof seen) == sizeof seen);
            continue;
        }
        std::vector<pollfd> all{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const pair& each : pairs_)
            for (const int fd : {each.client, each.server}) all.push_back({fd, POLLIN, 0});
        if (::poll(all.data(), all.size(), -1) < 0) continue;
        std::size_t at = 2;
        for (auto each = pairs_.begin(); each != pairs_.end(); at += 2) {
            bool goes_on = all[at].revents == 0 || pass(each->client, each->server, request_);
            goes_on =
                goes_on && (all[at + 1].revents == 0 || pass(each->server, each->client, answer_));
            if (goes_on) {
                ++each;
                continue;
            }
            ::close(each->client);
            ::close(each->server);
            each = pairs_.erase(each);
        }
        if (all[1].revents != 0) accept();
    }
    for (const pair& each : pairs_) {
        ::close(each.client);
        ::close(each.server);
    }
}

void cutting_proxy::accept() {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, socket_.c_str(), sizeof at.sun_path - 1);
    if (!closed_ && ::connect(server, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0) {
        pairs_.push_back({client, server});
        return;
    }
    ::close(client);
    ::close(server);
}

// False: it is over.
bool cutting_proxy::pass(int from, int to, std::string& cut_at) {
    std::array<char, 64 << 10> bytes; // NOLINT(cppcoreguidelines-init-variables)
    const ssize_t n = ::recv(from, bytes.data(), bytes.size(), 0);
    if (n <= 0) return false;
    std::string_view rest(bytes.data(), static_cast<std::size_t>(n));
    {
        const std::lock_guard lock(mutex_);
        if (!cut_at.empty() && rest.find(cut_at) != rest.npos) {
            cut_at.clear();
            closed_ = stay_cut_.load();
            ++cuts_;
            return false;
        }
    }
    while (!rest.empty()) {
        const ssize_t sent = ::send(to, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

} // namespace finpost::test
