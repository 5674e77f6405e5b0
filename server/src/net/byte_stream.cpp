#include "net/byte_stream.hpp"

#include "async/fairness.hpp"
#include "async/use_tuple_awaitable.hpp"
#include "net/spill_io.hpp"
#include "net/tls_layer.hpp"

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/error.hpp>

#include <cerrno>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

error_code error_of(int error) noexcept { return {error, boost::system::system_category()}; }

ssize_t send_both(int fd, std::span<const std::byte> first,
                  std::span<const std::byte> second) noexcept {
    // The kernel only reads what these point to.
    iovec parts[] = {{const_cast<std::byte*>(first.data()), first.size()},
                     {const_cast<std::byte*>(second.data()), second.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

} // namespace

byte_stream::byte_stream(asio::any_io_executor strand, bool v6) : socket_(strand), v6_(v6) {}

byte_stream::byte_stream(tcp::socket connected)
    : socket_(std::move(connected)), fd_(socket_.native_handle()) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
}

byte_stream::byte_stream(byte_stream&& other) noexcept
    : socket_(std::move(other.socket_)), fd_(std::exchange(other.fd_, -1)), broken_(other.broken_),
      v6_(other.v6_), tls_(std::move(other.tls_)) {}

byte_stream& byte_stream::operator=(byte_stream&& other) noexcept {
    close();
    tls_ = std::move(other.tls_);
    socket_ = std::move(other.socket_);
    fd_ = std::exchange(other.fd_, -1);
    broken_ = other.broken_;
    v6_ = other.v6_;
    return *this;
}

byte_stream::~byte_stream() { close(); }

void byte_stream::secure(const tls_context& context, tls_connection::role as,
                         std::string_view host) {
    tls_ = std::make_unique<tls_layer>(context, as, fd_, host);
}

error_code byte_stream::handshake() noexcept { return tls_ ? tls_->handshake() : error_code(); }

std::string_view byte_stream::failure() const noexcept {
    return tls_ ? std::string_view(tls_->connection().failure()) : std::string_view();
}

void byte_stream::end_tls() noexcept { tls_.reset(); }

result<std::size_t> byte_stream::read_some(std::span<std::byte> buffer) noexcept {
    return tls_ ? tls_->read_some(buffer) : receive(buffer, 0);
}

result<std::size_t> byte_stream::peek() noexcept {
    std::byte first{};
    return peek({&first, 1});
}

result<std::size_t> byte_stream::peek(std::span<std::byte> buffer) noexcept {
    return tls_ ? tls_->peek(buffer) : receive(buffer, MSG_PEEK);
}

result<std::size_t> byte_stream::receive(std::span<std::byte> buffer, int flags) noexcept {
    for (;;) {
        const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), flags);
        if (n > 0) return static_cast<std::size_t>(n);
        if (n == 0) return broken_ == 0 ? error_code(asio::error::eof) : error_of(broken_);
        if (errno != EINTR) return note(errno);
    }
}

error_code byte_stream::note(int error) noexcept {
    if (broken_ == 0 && error != EAGAIN && error != EWOULDBLOCK) broken_ = error;
    return error_of(error);
}

result<std::size_t> byte_stream::write_some(std::span<const std::byte> first,
                                            std::span<const std::byte> second) noexcept {
    if (tls_) return tls_->write_some(first.empty() ? second : first);
    for (;;) {
        const ssize_t n = second.empty() ? ::send(fd_, first.data(), first.size(), MSG_NOSIGNAL)
                                         : send_both(fd_, first, second);
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) return note(errno);
    }
}

result<std::size_t> byte_stream::send_file_piece(const payload& bytes, std::uint64_t from) {
    if (tls_) return send_piece(*tls_, bytes, from);
    const auto sent = send_piece(fd_, bytes, from);
    if (sent.has_error() && !is_file_error(sent.error())) return note(sent.error().value());
    return sent;
}

error_code byte_stream::finish() noexcept { return tls_ ? tls_->close_notify() : error_code(); }

asio::awaitable<std::tuple<error_code>> byte_stream::async_wait_readable() {
    if (tls_ && tls_->input_at_hand()) return yield(); // what TLS has taken from the socket already
    return wait_for(tls_ ? tls_->to_read() : readiness::readable);
}

asio::awaitable<std::tuple<error_code>> byte_stream::async_wait_writable() {
    return wait_for(tls_ ? tls_->to_write() : readiness::writable);
}

asio::awaitable<std::tuple<error_code>> byte_stream::wait_for(readiness what) {
    const bool writable = what == readiness::writable;
    return registered().async_wait(writable ? tcp::socket::wait_write : tcp::socket::wait_read,
                                   use_tuple_awaitable);
}

// Where this fails, the wait that follows fails on a socket that is not open.
asio::ip::tcp::socket& byte_stream::registered() {
    error_code ignored;
    if (!socket_.is_open() && is_open()) socket_.assign(v6_ ? tcp::v6() : tcp::v4(), fd_, ignored);
    return socket_;
}

void byte_stream::cancel() noexcept {
    error_code ignored;
    if (socket_.is_open()) socket_.cancel(ignored);
}

void byte_stream::close() noexcept {
    if (!is_open()) return;
    error_code ignored;
    if (socket_.is_open())
        socket_.close(ignored);
    else
        ::close(fd_);
    fd_ = -1;
}

asio::awaitable<error_code> handshake(byte_stream& stream, exchange_deadline& deadline) {
    const exchange_deadline::on_cancel cancel(deadline, [&stream] { stream.cancel(); });
    for (;;) {
        const error_code failed = stream.handshake();
        if (failed != asio::error::would_block) co_return failed;
        if (deadline.error()) co_return deadline.error();
        auto [ec] = co_await stream.async_wait_readable();
        if (deadline.error()) co_return deadline.error();
        if (ec) co_return ec;
    }
}

} // namespace finpost::detail
