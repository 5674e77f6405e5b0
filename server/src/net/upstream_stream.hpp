#pragma once

#include "net/tls_layer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>

namespace finpost {

class payload;
class exchange_deadline;

/// A connection to an endpoint: TCP, or TLS on it. Whoever reads and writes does not know which.
/// Movable; closes itself, over TLS with a close_notify, whose answer is not waited for. While a
/// request is on its way out it ends in a RST and without a close_notify, whatever ends it, so that
/// what was sent of it cannot be taken for all; when the process is killed it does in any case.
///
/// What has failed stays failed: the kernel tells an error once, and then says 0, which is no end.
class upstream_stream {
public:
    using tcp = boost::asio::ip::tcp;

    /// Takes a connected socket and makes it non-blocking.
    upstream_stream(tcp::socket socket, const tcp::endpoint& address);
    upstream_stream(upstream_stream&&) noexcept = default;
    upstream_stream& operator=(upstream_stream&& other) noexcept;
    ~upstream_stream();

    const tcp::endpoint& address() const noexcept { return address_; }

    /// From now on everything goes through TLS: `handshake` comes first, and is called again after
    /// `async_wait_readable` while it says `error::would_block`. `host` is whom the certificate
    /// must name, unless the context says. What `before` offers is resumed.
    void secure(const tls_context& context, std::string_view host, const tls_session& before);
    error_code handshake() noexcept { return tls_ ? tls_->handshake() : error_code(); }
    /// Why it failed, in words; empty without TLS.
    std::string_view failure() const noexcept;
    /// What another connection may resume; none without TLS.
    tls_session session() const;
    bool is_tls() const noexcept { return tls_ != nullptr; }
    /// Whether this is the context it was made from.
    bool belongs_to(const tls_context& context) const noexcept;

    /// Says `error::would_block` when nothing is there, `error::eof` at the end: the FIN, over TLS
    /// the close_notify. A FIN alone is `reason::tls_truncated` there.
    result<std::size_t> read_some(std::span<std::byte> buffer) noexcept;
    /// Both in one write; over TLS `second` follows when `first` is empty.
    result<std::size_t> write_some(std::span<const std::byte> first,
                                   std::span<const std::byte> second) noexcept;
    /// Of a spilled payload, from `from` on and some 256 KiB at the most; a `file_error`
    /// (spill_io.hpp) when its file cannot be read.
    result<std::size_t> send_piece(const payload& bytes, std::uint64_t from);
    /// Between these a request is on its way out.
    void begin_request() noexcept { in_request_ = true; }
    void end_request() noexcept { in_request_ = false; }
    boost::asio::awaitable<std::tuple<error_code>> async_wait_readable();
    boost::asio::awaitable<std::tuple<error_code>> async_wait_writable();
    void cancel() noexcept;
    /// Closes as if a request were on its way out.
    void reset() noexcept;

    /// Nothing is there to be read, and no end: fit for another exchange.
    bool is_quiet() noexcept;
    /// A byte is there.
    bool has_bytes() noexcept;

private:
    void part() noexcept;
    error_code noted(error_code failed) noexcept;
    result<std::size_t> peek() noexcept;

    tcp::socket socket_;
    tcp::endpoint address_;
    std::unique_ptr<tls_layer> tls_; // null for plain TCP
    error_code broken_;              // what the kernel has told, once
    bool in_request_ = false;
};

/// Goes through with the handshake, as long as the exchange_deadline lets it. Success, the
/// exchange_deadline's error, or why it failed.
boost::asio::awaitable<error_code> handshake(upstream_stream& stream, exchange_deadline& deadline);

} // namespace finpost
