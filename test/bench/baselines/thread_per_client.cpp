// The gateway most people would write first: a thread per client, blocking calls, a new HTTP
// connection for each payload, or with --pool one out of a pool. What finpost's event-driven I/O is
// compared with.
//
// Left out: every limit, metric and log line; bounded threads (a client is a thread); a refusal:
// what goes wrong ends the client's connection without a word.
//
//     thread_per_client PORT UPSTREAM_PORT [--pool]
#include "sockets.hpp"

#include <array>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

namespace {

std::uint16_t upstream_port = 0;
bool pooled = false;

std::mutex mutex;
std::vector<int> idle; // connections to the upstream

bool send_all(int fd, std::string_view data) {
    while (!data.empty()) {
        const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        data.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

std::optional<std::string> read_to_eof(int fd) {
    std::string payload;
    std::array<char, 16384> buffer;
    for (;;) {
        const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n == 0) return payload;
        if (n < 0) return std::nullopt; // reset: never forwarded
        payload.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

int connect_upstream() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    baseline::no_delay(fd);
    const timeval limit{5, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const sockaddr_in address = baseline::loopback(upstream_port);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
}

int take_idle() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return -1;
    const int fd = idle.back();
    idle.pop_back();
    return fd;
}

// The body of the answer. `fd` stays usable when `keep` is set.
std::optional<std::string> post(int fd, const std::string& payload, bool& keep) {
    std::string head = baseline::post_head(upstream_port, payload.size(), pooled);
    // One segment for what is small: two would wait for each other's acknowledgement.
    if (payload.size() < 4096) head += payload;
    if (!send_all(fd, head)) return std::nullopt;
    if (payload.size() >= 4096 && !send_all(fd, payload)) return std::nullopt;
    std::string response;
    std::vector<char> buffer(64 << 10);
    baseline::head read;
    while (read.size == 0 || response.size() < read.size + read.body_size) {
        const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n <= 0) return std::nullopt;
        response.append(buffer.data(), static_cast<std::size_t>(n));
        if (read.size == 0) {
            read = baseline::read_head(response);
            if (read.size > 0) response.reserve(read.size + read.body_size);
        }
    }
    keep = pooled && !read.close;
    response.erase(0, read.size);
    return response;
}

std::optional<std::string> ask_upstream(const std::string& payload) {
    for (;;) {
        int fd = pooled ? take_idle() : -1;
        const bool old = fd >= 0;
        if (!old) fd = connect_upstream();
        if (fd < 0) return std::nullopt;
        bool keep = false;
        auto answer = post(fd, payload, keep);
        if (answer && keep) {
            const std::lock_guard lock(mutex);
            idle.push_back(fd);
        } else {
            ::close(fd);
        }
        if (answer || !old)
            return answer; // an old connection may have been closed by the other side
    }
}

void serve(int client) {
    if (const auto payload = read_to_eof(client))
        if (const auto answer = ask_upstream(*payload)) send_all(client, *answer);
    ::shutdown(client, SHUT_WR);
    ::close(client);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 3) return std::fputs("thread_per_client PORT UPSTREAM_PORT [--pool]\n", stderr), 2;
    upstream_port = baseline::read_port(argv[2]);
    pooled = argc > 3 && std::string_view(argv[3]) == "--pool";
    const int listener = baseline::prepare_and_listen(baseline::read_port(argv[1]), SOCK_STREAM);
    for (;;) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) continue;
        try {
            std::thread(serve, client).detach();
        } catch (const std::system_error&) {
            ::close(client); // no more threads
        }
    }
}
