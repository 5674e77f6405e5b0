#include "net/client_socket.hpp"

#include "async/use_tuple_awaitable.hpp"
#include "net/reset_on_close.hpp"
#include "net/tls_layer.hpp"

#include <boost/asio/bind_executor.hpp>

#include <linux/sockios.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace finpost::detail {

client_socket::client_socket(asio::any_io_executor strand, bool v6)
    : stream_(std::move(strand), v6) {}

client_socket::~client_socket() { reset(); }

std::string client_socket::peer_name() const {
    const tls_layer* const tls = stream_.tls();
    return tls == nullptr ? std::string() : tls->connection().peer_name();
}

std::size_t client_socket::unread() const noexcept {
    int bytes = 0;
    if (::ioctl(stream_.fd(), FIONREAD, &bytes) != 0 || bytes < 0) return 0;
    return static_cast<std::size_t>(bytes);
}

bool client_socket::input_ended() const noexcept {
    pollfd look{stream_.fd(), POLLRDHUP, 0};
    return ::poll(&look, 1, 0) > 0;
}

void client_socket::wait_for_bytes(std::size_t least) noexcept {
    const int wanted = static_cast<int>(least);
    if (wanted == least_) return;
    if (::setsockopt(stream_.fd(), SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted) == 0)
        least_ = wanted;
}

result<std::size_t> client_socket::discard_some() noexcept {
    std::array<std::byte, 16 << 10> scratch;
    return stream_.receive(scratch, 0);
}

asio::awaitable<std::tuple<error_code>> client_socket::async_wait_readable() {
    if (!input_over_) return stream_.async_wait_readable();
    return stream_.registered().async_wait(tcp::socket::wait_read, use_tuple_awaitable);
}

bool client_socket::can_speak() const noexcept {
    return stream_.tls() == nullptr || stream_.tls()->can_speak();
}

bool client_socket::mid_write() const noexcept {
    return stream_.tls() != nullptr && stream_.tls()->mid_write();
}

std::size_t client_socket::unacknowledged() const noexcept {
    int bytes = 0;
    if (::ioctl(stream_.fd(), SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
    return static_cast<std::size_t>(bytes);
}

void client_socket::when_reset(std::function<void()> gone) {
    on_reset_ = std::make_shared<std::function<void()>>(std::move(gone));
    wait_for_reset();
}

void client_socket::wait_for_reset() {
    auto waited = [this, call = on_reset_](error_code ec) {
        if (ec || !*call) return;
        // Asio reuses registrations, and one may still be handed what happened to its last socket.
        // An urgent byte that was not read yet looks like one, and stays: then the write tells.
        if (!was_reset()) return has_urgent_byte() ? void() : wait_for_reset();
        std::exchange(*call, nullptr)();
    };
    tcp::socket& socket = stream_.registered();
    socket.async_wait(tcp::socket::wait_error,
                      asio::bind_executor(socket.get_executor(), std::move(waited)));
}

bool client_socket::has_urgent_byte() const noexcept {
    pollfd look{stream_.fd(), POLLPRI, 0};
    return ::poll(&look, 1, 0) > 0 && (look.revents & POLLPRI) != 0;
}

void client_socket::ignore_reset() noexcept {
    if (on_reset_) *on_reset_ = nullptr;
}

void client_socket::end_watch() noexcept {
    if (!on_reset_) return;
    ignore_reset();
    on_reset_.reset();
    stream_.cancel();
}

void client_socket::stay(std::optional<duration> keepalive) noexcept {
    const auto set = [this](int level, int name, int value) {
        ::setsockopt(stream_.fd(), level, name, &value, sizeof value);
    };
    // A small reply must not wait for the acknowledgement of the one before it.
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    if (!keepalive) return;
    constexpr int probes = 3;
    constexpr std::chrono::seconds longest_idle{32'767}, longest_interval{30}; // tcp(7)
    const auto idle = std::clamp(std::chrono::ceil<std::chrono::seconds>(*keepalive),
                                 std::chrono::seconds(1), longest_idle);
    set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(idle.count()));
    set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(std::min(idle, longest_interval).count()));
    set(IPPROTO_TCP, TCP_KEEPCNT, probes);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

bool client_socket::was_reset() const noexcept {
    pollfd look{stream_.fd(), 0, 0};
    return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLERR | POLLHUP)) != 0;
}

asio::awaitable<std::tuple<error_code>> client_socket::async_wait_reset() {
    return stream_.registered().async_wait(tcp::socket::wait_error, use_tuple_awaitable);
}

// A record of its own (RFC 8446 §6): fatal, handshake_failure.
void client_socket::send_alert() noexcept {
    constexpr std::array<unsigned char, 7> alert{21, 3, 3, 0, 2, 2, 40};
    if (stream_.tls() != nullptr) return;
    static_cast<void>(::send(stream_.fd(), alert.data(), alert.size(), MSG_NOSIGNAL));
}

void client_socket::end_tls() noexcept {
    stream_.end_tls();
    input_over_ = true;
}

void client_socket::shutdown_send() noexcept {
    finish();
    input_over_ = true;
    reset_on_close(stream_.fd(),
                   false); // first: what is written is complete, and has to arrive whatever happens
    ::shutdown(stream_.fd(), SHUT_WR);
}

void client_socket::close() noexcept {
    ignore_reset();
    if (!stream_.is_open()) return;
    // A client that was cut must not take what it has got for an answer, unless it was told so.
    const tls_layer* const tls = stream_.tls();
    if (tls != nullptr && !tls->truncated()) stream_.finish();
    reset_on_close(stream_.fd(), false);
    release();
}

void client_socket::release() noexcept {
    ignore_reset();
    stream_.close();
}

// It is so from the beginning, but for who waited in the backlog of a socket that somebody else has
// opened.
void client_socket::reset() noexcept {
    if (stream_.is_open()) reset_on_close(stream_.fd(), true);
    release();
}

} // namespace finpost::detail
