#include "net/upstream_stream.hpp"

#include "net/reset_on_close.hpp"
#include "net/tls_layer.hpp"

#include <boost/asio/error.hpp>

#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace asio = boost::asio;

namespace finpost::detail {

upstream_stream::upstream_stream(tcp::socket socket, const tcp::endpoint& address)
    : stream_(std::move(socket)), address_(address) {
    const int on = 1;
    ::setsockopt(stream_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // Not through Asio, whose destructors take its linger option back.
    reset_on_close(stream_.fd(), true);
}

upstream_stream& upstream_stream::operator=(upstream_stream&& other) noexcept {
    close();
    stream_ = std::move(other.stream_);
    address_ = other.address_;
    in_request_ = other.in_request_;
    return *this;
}

upstream_stream::~upstream_stream() { close(); }

void upstream_stream::close() noexcept {
    if (!stream_.is_open()) return;
    if (in_request_) return reset();
    stream_.finish();
    reset_on_close(stream_.fd(), false);
}

void upstream_stream::secure(const tls_context& context, std::string_view host,
                             const tls_session& before) {
    stream_.secure(context, tls_connection::role::client, host);
    stream_.tls()->connection().resume(before);
}

tls_session upstream_stream::session() const {
    const tls_layer* const tls = stream_.tls();
    return tls == nullptr ? tls_session() : tls->connection().session();
}

bool upstream_stream::belongs_to(const tls_context& context) const noexcept {
    const tls_layer* const tls = stream_.tls();
    return tls != nullptr && tls->connection().uses(context);
}

void upstream_stream::reset() noexcept {
    stream_.end_tls();
    stream_.close(); // by a RST, as it is from the beginning
}

bool upstream_stream::is_quiet() noexcept {
    return stream_.peek().error() == asio::error::would_block;
}

bool upstream_stream::has_bytes() noexcept { return stream_.peek().has_value(); }

} // namespace finpost::detail
