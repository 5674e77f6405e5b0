#pragma once

#include "net/byte_stream.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>

namespace finpost::detail {

/// A connection to an endpoint: a `byte_stream`, and what is about a service. Movable; closes
/// itself, over TLS with a close_notify, whose answer is not waited for. While a request is on its
/// way out it ends in a RST and without a close_notify, whatever ends it, so that what was sent of
/// it cannot be taken for all; when the process is killed it does in any case.
class upstream_stream {
public:
    using tcp = boost::asio::ip::tcp;

    /// Takes a connected socket and makes it non-blocking.
    upstream_stream(tcp::socket socket, const tcp::endpoint& address);
    upstream_stream(upstream_stream&&) noexcept = default;
    upstream_stream& operator=(upstream_stream&& other) noexcept;
    ~upstream_stream();

    const tcp::endpoint& address() const noexcept { return address_; }

    /// As `byte_stream`, which says more. What `before` offers is resumed.
    void secure(const tls_context& context, std::string_view host, const tls_session& before);
    byte_stream& stream() noexcept { return stream_; }
    std::string_view failure() const noexcept { return stream_.failure(); }
    /// What another connection may resume; none without TLS.
    tls_session session() const;
    /// Whether this is the context it was made from.
    bool belongs_to(const tls_context& context) const noexcept;

    result<std::size_t> read_some(std::span<std::byte> buffer) noexcept {
        return stream_.read_some(buffer);
    }
    result<std::size_t> write_some(std::span<const std::byte> first,
                                   std::span<const std::byte> second) noexcept {
        return stream_.write_some(first, second);
    }
    result<std::size_t> send_file_piece(const payload& bytes, std::uint64_t from) {
        return stream_.send_file_piece(bytes, from);
    }
    boost::asio::awaitable<std::tuple<error_code>> async_wait_readable() {
        return stream_.async_wait_readable();
    }
    boost::asio::awaitable<std::tuple<error_code>> async_wait_writable() {
        return stream_.async_wait_writable();
    }
    void cancel() noexcept { stream_.cancel(); }

    /// Between these a request is on its way out.
    void begin_request() noexcept { in_request_ = true; }
    void end_request() noexcept { in_request_ = false; }
    /// Closes as if a request were on its way out.
    void reset() noexcept;

    /// Nothing is there to be read, and no end: fit for another exchange.
    bool is_quiet() noexcept;
    /// A byte is there.
    bool has_bytes() noexcept;

private:
    void close() noexcept;

    byte_stream stream_;
    tcp::endpoint address_;
    bool in_request_ = false;
};

} // namespace finpost::detail
