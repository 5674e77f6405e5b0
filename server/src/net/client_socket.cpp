#include "net/client_socket.hpp"

#include "async/as_outcome.hpp"
#include "async/fairness.hpp"
#include "net/reset_on_close.hpp"
#include "net/spill_io.hpp"
#include "net/tls_layer.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>

#include <linux/sockios.h>

#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace finpost {

namespace {

error_code error_of(int error) noexcept { return {error, boost::system::system_category()}; }

tcp::socket::wait_type wait_for(readiness what) noexcept {
    return what == readiness::writable ? tcp::socket::wait_write : tcp::socket::wait_read;
}

} // namespace

client_socket::client_socket(asio::any_io_executor strand, bool v6)
    : socket_(std::move(strand)), v6_(v6) {}

client_socket::~client_socket() { reset(); }

void client_socket::secure(const tls_context& tls) {
    tls_ = std::make_unique<tls_layer>(tls, tls_connection::role::server, fd_);
}

error_code client_socket::handshake() noexcept { return tls_ ? tls_->handshake() : error_code(); }

std::string_view client_socket::failure() const noexcept {
    return tls_ ? std::string_view(tls_->connection().failure()) : std::string_view();
}

std::string client_socket::peer_name() const {
    return tls_ ? tls_->connection().peer_name() : std::string();
}

result<std::size_t> client_socket::read_some(std::span<std::byte> buffer) noexcept {
    return tls_ ? tls_->read_some(buffer) : receive(buffer, 0);
}

result<std::size_t> client_socket::peek() noexcept {
    if (tls_) return tls_->peek();
    std::byte one{};
    return receive({&one, 1}, MSG_PEEK);
}

result<std::size_t> client_socket::look(std::span<std::byte> buffer) noexcept {
    return receive(buffer, MSG_PEEK);
}

std::size_t client_socket::unread() const noexcept {
    int bytes = 0;
    if (::ioctl(fd_, FIONREAD, &bytes) != 0 || bytes < 0) return 0;
    return static_cast<std::size_t>(bytes);
}

bool client_socket::input_ended() const noexcept {
    pollfd look{fd_, POLLRDHUP, 0};
    return ::poll(&look, 1, 0) > 0;
}

void client_socket::wait_for_bytes(std::size_t least) noexcept {
    const int wanted = static_cast<int>(least);
    if (wanted == least_) return;
    if (::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted) == 0) least_ = wanted;
}

result<std::size_t> client_socket::discard_some() noexcept {
    std::array<std::byte, 16 << 10> scratch;
    return receive(scratch, 0);
}

result<std::size_t> client_socket::receive(std::span<std::byte> buffer, int flags) noexcept {
    for (;;) {
        const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), flags);
        if (n > 0) return static_cast<std::size_t>(n);
        if (n == 0) return broken_ == 0 ? error_code(asio::error::eof) : error_of(broken_);
        if (errno != EINTR) return failed(errno);
    }
}

error_code client_socket::failed(int error) noexcept {
    if (broken_ == 0 && error != EAGAIN && error != EWOULDBLOCK) broken_ = error;
    return error_of(error);
}

asio::awaitable<std::tuple<error_code>> client_socket::async_wait_readable() {
    register_for_events();
    if (!tls_ || input_over_) return socket_.async_wait(tcp::socket::wait_read, as_outcome);
    if (tls_->input_at_hand()) return yield(); // what TLS has taken from the socket already
    return socket_.async_wait(wait_for(tls_->to_read()), as_outcome);
}

result<std::size_t> client_socket::write_some(std::span<const std::byte> data) noexcept {
    if (tls_) return tls_->write_some(data);
    for (;;) {
        const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) return failed(errno);
    }
}

result<std::size_t> client_socket::send_piece(const payload& bytes, std::uint64_t from) {
    if (tls_) return finpost::send_piece(*tls_, bytes, from);
    const auto sent = finpost::send_piece(fd_, bytes, from);
    if (sent.has_error() && !is_file_error(sent.error())) failed(sent.error().value());
    return sent;
}

asio::awaitable<std::tuple<error_code>> client_socket::async_wait_writable() {
    register_for_events();
    return socket_.async_wait(tls_ ? wait_for(tls_->to_write()) : tcp::socket::wait_write,
                              as_outcome);
}

error_code client_socket::finish() noexcept { return tls_ ? tls_->close_notify() : error_code(); }

bool client_socket::can_speak() const noexcept { return !tls_ || tls_->can_speak(); }

bool client_socket::mid_write() const noexcept { return tls_ && tls_->mid_write(); }

std::size_t client_socket::unacknowledged() const noexcept {
    int bytes = 0;
    if (::ioctl(fd_, SIOCOUTQ, &bytes) != 0 || bytes < 0) return 0;
    return static_cast<std::size_t>(bytes);
}

void client_socket::when_reset(std::function<void()> gone) {
    register_for_events();
    on_reset_ = std::make_shared<std::function<void()>>(std::move(gone));
    wait_for_reset();
}

void client_socket::wait_for_reset() {
    auto waited = [this, call = on_reset_](error_code ec) {
        if (ec || !*call) return;
        // Asio reuses registrations, and one may still be handed what happened to its last socket.
        if (!was_reset()) return wait_for_reset();
        std::exchange(*call, nullptr)();
    };
    socket_.async_wait(tcp::socket::wait_error,
                       asio::bind_executor(socket_.get_executor(), std::move(waited)));
}

void client_socket::ignore_reset() noexcept {
    if (on_reset_) *on_reset_ = nullptr;
}

bool client_socket::was_reset() const noexcept {
    pollfd look{fd_, 0, 0};
    return ::poll(&look, 1, 0) > 0 && (look.revents & (POLLERR | POLLHUP)) != 0;
}

asio::awaitable<std::tuple<error_code>> client_socket::async_wait_reset() {
    register_for_events();
    return socket_.async_wait(tcp::socket::wait_error, as_outcome);
}

// Where this fails, the wait that follows fails on a socket that is not open.
void client_socket::register_for_events() {
    error_code ignored;
    if (!socket_.is_open()) socket_.assign(v6_ ? tcp::v6() : tcp::v4(), fd_, ignored);
}

// A record of its own (RFC 8446 §6): fatal, handshake_failure.
void client_socket::send_alert() noexcept {
    constexpr std::array<unsigned char, 7> alert{21, 3, 3, 0, 2, 2, 40};
    if (tls_) return;
    static_cast<void>(::send(fd_, alert.data(), alert.size(), MSG_NOSIGNAL));
}

void client_socket::end_tls() noexcept {
    tls_.reset();
    input_over_ = true;
}

void client_socket::shutdown_send() noexcept {
    finish();
    input_over_ = true;
    reset_on_close(fd_,
                   false); // first: what is written is complete, and has to arrive whatever happens
    ::shutdown(fd_, SHUT_WR);
}

void client_socket::cancel() noexcept {
    error_code ignored;
    if (socket_.is_open()) socket_.cancel(ignored);
}

void client_socket::close() noexcept {
    ignore_reset();
    if (fd_ < 0) return;
    // Whoever was cut must not take what it has got for an answer, unless it was told so.
    if (tls_ && !tls_->truncated()) tls_->close_notify();
    reset_on_close(fd_, false);
    release();
}

void client_socket::release() noexcept {
    ignore_reset();
    if (fd_ < 0) return;
    error_code ignored;
    if (socket_.is_open())
        socket_.close(ignored);
    else
        ::close(fd_);
    fd_ = -1;
}

// It is so from the beginning, but for who waited in the backlog of a socket that somebody else has
// opened.
void client_socket::reset() noexcept {
    if (fd_ >= 0) reset_on_close(fd_, true);
    release();
}

} // namespace finpost
