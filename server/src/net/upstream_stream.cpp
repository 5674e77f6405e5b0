#include "net/upstream_stream.hpp"

#include "async/as_outcome.hpp"
#include "async/fairness.hpp"
#include "net/reset_on_close.hpp"
#include "net/spill_io.hpp"

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

namespace asio = boost::asio;

namespace finpost {

namespace {

asio::ip::tcp::socket::wait_type wait_for(readiness what) noexcept {
    using socket = asio::ip::tcp::socket;
    return what == readiness::writable ? socket::wait_write : socket::wait_read;
}

} // namespace

upstream_stream::upstream_stream(tcp::socket socket, const tcp::endpoint& address)
    : socket_(std::move(socket)), address_(address) {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
    // Not through Asio, whose destructors take its linger option back.
    reset_on_close(socket_.native_handle(), true);
}

upstream_stream& upstream_stream::operator=(upstream_stream&& other) noexcept {
    part();
    tls_ = std::move(other.tls_);
    socket_ = std::move(other.socket_);
    address_ = other.address_;
    broken_ = other.broken_;
    in_request_ = other.in_request_;
    return *this;
}

upstream_stream::~upstream_stream() { part(); }

void upstream_stream::part() noexcept {
    if (!socket_.is_open()) return;
    if (in_request_) return reset();
    if (tls_) tls_->close_notify();
    reset_on_close(socket_.native_handle(), false);
}

void upstream_stream::secure(const tls_context& context, std::string_view host,
                             const tls_session& before) {
    tls_ = std::make_unique<tls_layer>(context, tls_connection::role::client,
                                       socket_.native_handle(), host);
    tls_->connection().resume(before);
}

std::string_view upstream_stream::failure() const noexcept {
    return tls_ ? std::string_view(tls_->connection().failure()) : std::string_view();
}

tls_session upstream_stream::session() const {
    return tls_ ? tls_->connection().session() : tls_session();
}

bool upstream_stream::belongs_to(const tls_context& context) const noexcept {
    return tls_ && tls_->connection().uses(context);
}

result<std::size_t> upstream_stream::read_some(std::span<std::byte> buffer) noexcept {
    if (tls_) return tls_->read_some(buffer);
    error_code ec;
    const std::size_t n = socket_.read_some(asio::buffer(buffer.data(), buffer.size()), ec);
    if (ec) return noted(ec);
    return n;
}

result<std::size_t> upstream_stream::write_some(std::span<const std::byte> first,
                                                std::span<const std::byte> second) noexcept {
    if (tls_) return tls_->write_some(first.empty() ? second : first);
    const std::array<asio::const_buffer, 2> both{asio::buffer(first.data(), first.size()),
                                                 asio::buffer(second.data(), second.size())};
    error_code ec;
    const std::size_t n = socket_.write_some(both, ec);
    if (ec) return noted(ec);
    return n;
}

// What to say of it: an end only where nothing has failed before.
error_code upstream_stream::noted(error_code failed) noexcept {
    if (failed == asio::error::eof) return broken_ ? broken_ : failed;
    if (failed != asio::error::would_block && !broken_) broken_ = failed;
    return failed;
}

result<std::size_t> upstream_stream::send_piece(const payload& bytes, std::uint64_t from) {
    if (tls_) return finpost::send_piece(*tls_, bytes, from);
    const auto sent = finpost::send_piece(socket_.native_handle(), bytes, from);
    if (sent.has_error() && !is_file_error(sent.error())) return noted(sent.error());
    return sent;
}

asio::awaitable<std::tuple<error_code>> upstream_stream::async_wait_readable() {
    if (!tls_) return socket_.async_wait(tcp::socket::wait_read, as_outcome);
    if (tls_->input_at_hand()) return yield(); // what TLS has taken from the socket already
    return socket_.async_wait(wait_for(tls_->to_read()), as_outcome);
}

asio::awaitable<std::tuple<error_code>> upstream_stream::async_wait_writable() {
    return socket_.async_wait(tls_ ? wait_for(tls_->to_write()) : tcp::socket::wait_write,
                              as_outcome);
}

void upstream_stream::cancel() noexcept {
    error_code ignored;
    socket_.cancel(ignored);
}

void upstream_stream::reset() noexcept {
    tls_.reset();
    error_code ignored;
    socket_.close(ignored); // by a RST, as it is from the beginning
}

bool upstream_stream::is_quiet() noexcept { return peek().error() == asio::error::would_block; }

bool upstream_stream::has_bytes() noexcept { return peek().has_value(); }

// Over TLS something may be there that is no byte of a response: the tickets of TLS 1.3.
result<std::size_t> upstream_stream::peek() noexcept {
    if (tls_) return tls_->peek();
    char byte = 0;
    const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) return static_cast<std::size_t>(n);
    if (n == 0) return noted(asio::error::eof);
    return noted({errno, boost::system::system_category()});
}

asio::awaitable<error_code> handshake(upstream_stream& stream, exchange_deadline& deadline) {
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

} // namespace finpost
