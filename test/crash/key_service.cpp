#include "crash/key_service.hpp"

#include <array>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <utility>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

namespace {

int listen_somewhere() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 ||
        ::listen(fd, 1024) != 0)
        throw std::runtime_error("the service cannot listen");
    return fd;
}

socket_address address_of(int fd) {
    sockaddr_in is{};
    socklen_t size = sizeof is;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&is), &size);
    return parse_socket_address("127.0.0.1:" + std::to_string(ntohs(is.sin_port))).value();
}

bool read_more(int fd, std::string& into) {
    std::array<char, 64 << 10> buffer; // NOLINT(cppcoreguidelines-init-variables)
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n > 0) into.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0;
}

bool send_all(int fd, std::string_view data) {
    return ::send(fd, data.data(), data.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(data.size());
}

// As the gateway writes its names.
std::string field(const std::string& head, const std::string& name) {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == head.npos) return {};
    const std::size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
}

} // namespace

key_service::key_service(std::uint64_t seed, broken_service broken)
    : listener_(listen_somewhere()), address_(address_of(listener_)), broken_(broken),
      random_(seed) {
    acceptor_ = std::thread([this] { accept_all(); });
}

key_service::~key_service() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (connection& each : connections_) ::shutdown(each.fd, SHUT_RDWR);
    for (connection& each : connections_) each.thread.join();
    for (const connection& each : connections_) ::close(each.fd);
}

void key_service::accept_all() {
    while (!stopping_) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        forget_those_that_are_over();
        connection& made = connections_.emplace_back();
        made.fd = fd;
        made.thread = std::thread([this, &made] { serve(made); });
    }
}

void key_service::forget_those_that_are_over() {
    connections_.remove_if([](connection& each) {
        if (!each.over) return false;
        each.thread.join();
        ::close(each.fd);
        return true;
    });
}

void key_service::serve(connection& on) {
    std::string input;
    while (serve_one(on.fd, input)) continue;
    ::shutdown(on.fd, SHUT_RDWR);
    on.over = true;
}

bool key_service::serve_one(int fd, std::string& input) {
    std::size_t end = input.find("\r\n\r\n");
    for (; end == input.npos; end = input.find("\r\n\r\n"))
        if (!read_more(fd, input)) return false;
    const std::string head = input.substr(0, end + 2);
    input.erase(0, end + 4);
    const std::size_t size = std::strtoull(field(head, "Content-Length").c_str(), nullptr, 10);
    while (input.size() < size)
        if (!read_more(fd, input)) return false;
    const std::string body = input.substr(0, size);
    input.erase(0, size);
    const answer given = draw(fd);
    if (given == answer::unavailable)
        return send_all(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    take(field(head, "Idempotency-Key"), body);
    if (given == answer::good) return send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    if (given == answer::cut) send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
    return false;
}

// One in ten is no good answer, and one in ten is late by some milliseconds.
key_service::answer key_service::draw(int fd) {
    std::uint64_t drawn = 0;
    {
        const std::lock_guard lock(mutex_);
        drawn = random_();
    }
    if (calm_) return answer::good;
    if (drawn % 10 == 0) {
        pollfd gone{fd, 0, 0};
        ::poll(&gone, 1, static_cast<int>(drawn / 1000 % 20));
    }
    switch (drawn / 100'000 % 30) {
    case 0:
        return answer::unavailable;
    case 1:
        return answer::cut;
    case 2:
        return answer::none;
    default:
        return answer::good;
    }
}

void key_service::take(const std::string& key, std::string_view body) {
    const std::lock_guard lock(mutex_);
    std::size_t hash = std::hash<std::string_view>()(body);
    const std::uint64_t drawn = random_() % 50;
    if (broken_ == broken_service::forgets && drawn == 0) return;
    if (broken_ == broken_service::corrupts && drawn == 0) ++hash;
    const auto [found, fresh] = taken_.try_emplace(key, hash);
    repetitions_ += fresh ? 0 : 1;
    if (key.empty() && problem_.empty()) problem_ = "a delivery without a key";
    if (found->second != hash && problem_.empty()) problem_ = key + " with other bytes";
    if (body.size() < unique_from) return;
    const auto [first, only] = key_of_.try_emplace(hash, key);
    if (!only && first->second != key && problem_.empty())
        problem_ = "the same payload as " + first->second + " and as " + key;
}

std::optional<std::size_t> key_service::taken(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = taken_.find(key);
    if (found == taken_.end()) return std::nullopt;
    return found->second;
}

std::size_t key_service::keys() const {
    const std::lock_guard lock(mutex_);
    return taken_.size();
}

std::size_t key_service::repetitions() const {
    const std::lock_guard lock(mutex_);
    return repetitions_;
}

std::string key_service::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

} // namespace finpost::test
