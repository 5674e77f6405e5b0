#include "support/tls_front.hpp"

#include "support/raw_client.hpp"
#include "support/scripted_upstream.hpp"
#include "tls_connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

using namespace detail;

namespace {

constexpr int patience = 20'000; // milliseconds

void wait_for(int fd, readiness what) {
    pollfd one{fd, static_cast<short>(what == readiness::writable ? POLLOUT : POLLIN), 0};
    ::poll(&one, 1, patience);
}

template <class Step>
transfer whole(int fd, const Step& step) {
    for (;;) {
        const transfer now = step();
        if (now.wait_for == readiness::none) return now;
        wait_for(fd, now.wait_for);
    }
}

} // namespace

tls_front::tls_front(const tls_context& context, const socket_address& behind, manner how)
    : context_(context), behind_(behind), how_(how) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const socket_address any = parse_socket_address("127.0.0.1:0").value();
    if (listener_ < 0 || ::bind(listener_, any.data(), static_cast<socklen_t>(any.size())) != 0 ||
        ::listen(listener_, 64) != 0)
        throw std::system_error(errno, std::generic_category(), "tls_front");
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&storage), &size);
    address_ = {reinterpret_cast<const sockaddr*>(&storage), size};
    acceptor_ = std::thread([this] { accept_all(); });
}

tls_front::~tls_front() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& one : threads_) one.join();
    ::close(listener_);
}

http_url tls_front::url(const std::string& target) const {
    return parse_http_url("https://" + to_string(address_) + target).value();
}

void tls_front::accept_all() {
    while (!stopping_) {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0) continue;
        {
            const std::lock_guard lock(mutex_);
            open_.push_back(client);
        }
        threads_.emplace_back([this, client] {
            try {
                serve(client);
            } catch (const std::exception&) {
                // The connection to the service has ended, or was never made.
            }
            const std::lock_guard lock(mutex_);
            open_.erase(std::find(open_.begin(), open_.end(), client));
            ::close(client);
        });
    }
}

void tls_front::serve(int client) {
    if (how_ == manner::mute) {
        std::array<char, 1024> ignored;
        do wait_for(client, readiness::readable);
        while (::recv(client, ignored.data(), ignored.size(), 0) > 0);
        return;
    }
    tls_connection tls(context_, tls_connection::role::server, client);
    if (whole(client, [&] { return tls.handshake(); }).error) return;
    bool used = false;
    raw_client service(behind_);
    std::array<std::byte, 16 << 10> buffer;
    bool over = false; // the service has said everything
    for (;;) {
        // What TLS holds already no poll would tell of.
        for (;;) {
            const transfer got = tls.read_some(buffer);
            if (got.ended && used) ++goodbyes_;
            if (got.ended || got.error) return;
            if (got.wait_for != readiness::none) break;
            if (!used) {
                ++agreed_;
                if (tls.description().resumed) ++resumed_;
            }
            used = true;
            service.send({reinterpret_cast<const char*>(buffer.data()), got.size});
        }
        pollfd both[2]{{client, POLLIN, 0}, {over ? -1 : service.fd(), POLLIN, 0}};
        if (::poll(both, 2, patience) <= 0) return;
        if (both[1].revents == 0) continue;
        const ssize_t n = ::recv(service.fd(), buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EAGAIN) continue;
        auto rest =
            std::span<const std::byte>(buffer).first(n > 0 ? static_cast<std::size_t>(n) : 0);
        while (!rest.empty()) {
            const transfer put = whole(client, [&] { return tls.write_some(rest); });
            if (put.error) return;
            rest = rest.subspan(put.size);
        }
        if (n > 0) continue;
        over = true;
        if (how_ == manner::proper) whole(client, [&] { return tls.close_notify(); });
        ::shutdown(client, SHUT_WR);
    }
}

} // namespace finpost::test
