#include "load_slow.hpp"

#include "load_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

namespace finpost {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch = 64; // connections begun at once, each 8 ms: 8,000 a second
constexpr auto pause = 8ms;
constexpr std::uint64_t first_number = 1'000'000; // of their source addresses: any will do

// Byte number `k` of client `which`: nothing needs to be stored to check an echo.
char byte_of(std::size_t which, std::uint64_t k) noexcept {
    return static_cast<char>('a' + (which * 7 + k) % 26);
}

} // namespace

slow_clients::slow_clients(const socket_address& target, std::size_t count)
    : target_(target), clients_(count) {}

slow_clients::~slow_clients() {
    for (client& slow : clients_) drop(slow);
}

void slow_clients::drop(client& slow) noexcept {
    if (slow.fd >= 0) ::close(slow.fd);
    slow.fd = -1;
}

void slow_clients::open(const std::atomic<bool>& interrupted) {
    began_ = clock::now();
    for (std::size_t i = 0; i < clients_.size() && !interrupted; ++i) {
        clients_[i].fd = connect_from_many(target_, first_number + i);
        if (clients_[i].fd >= 0) reset_on_close(clients_[i].fd, true);
        if (i % batch == batch - 1) std::this_thread::sleep_for(pause);
    }
    // A second for the first bytes, and a little for the gateway to take them.
    began_ = clock::now();
    while (clock::now() < began_ + 1200ms && !interrupted) {
        drip(clock::now());
        std::this_thread::sleep_for(2ms);
    }
}

std::size_t slow_clients::opened() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        clients_.begin(), clients_.end(), [](const client& slow) { return slow.sent > 0; }));
}

void slow_clients::drip(clock::time_point now) noexcept {
    if (clients_.empty()) return;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    const auto due = static_cast<std::uint64_t>(seconds * static_cast<double>(clients_.size()));
    // After a pause of this process nobody gets more than one byte at once.
    if (due > next_ + clients_.size()) next_ = due - clients_.size();
    for (; next_ < due; ++next_) {
        const std::size_t which = static_cast<std::size_t>(next_ % clients_.size());
        client& slow = clients_[which];
        if (slow.fd < 0) continue;
        const char byte = byte_of(which, slow.sent);
        if (::send(slow.fd, &byte, 1, MSG_NOSIGNAL) == 1)
            ++slow.sent;
        else if (!would_block() && errno != EINTR)
            drop(slow);
    }
}

slow_result slow_clients::finish(const std::atomic<bool>& interrupted, bool verify,
                                 std::chrono::milliseconds limit) {
    slow_result result;
    result.asked = clients_.size();
    result.opened = opened();
    std::vector<std::size_t> waiting;
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        client& slow = clients_[i];
        char unread = 0;
        const bool silent = slow.fd >= 0 && slow.sent > 0 &&
                            ::recv(slow.fd, &unread, 1, MSG_PEEK) < 0 && would_block();
        if (!silent) {
            drop(slow);
            continue;
        }
        reset_on_close(slow.fd, false);
        ::shutdown(slow.fd, SHUT_WR);
        waiting.push_back(i);
    }
    result.stayed = waiting.size();
    const auto until = clock::now() + limit;
    while (!waiting.empty() && clock::now() < until && !interrupted) {
        std::erase_if(waiting, [&](std::size_t which) {
            const reading how = read_echo(which, verify);
            if (how == reading::more) return false;
            if (how == reading::complete) ++result.answered;
            drop(clients_[which]);
            return true;
        });
        std::this_thread::sleep_for(2ms);
    }
    for (client& slow : clients_) drop(slow);
    return result;
}

slow_clients::reading slow_clients::read_echo(std::size_t which, bool verify) noexcept {
    client& slow = clients_[which];
    std::array<char, 256> buffer;
    for (;;) {
        const ssize_t n = ::recv(slow.fd, buffer.data(), buffer.size(), 0);
        if (n < 0) return would_block() || errno == EINTR ? reading::more : reading::broken;
        if (n == 0) {
            const bool whole = slow.received == slow.sent && !slow.wrong;
            return whole || (!verify && slow.received > 0) ? reading::complete : reading::broken;
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
            slow.wrong = slow.wrong || buffer[i] != byte_of(which, slow.received++);
    }
}

} // namespace finpost
