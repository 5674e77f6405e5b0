#pragma once

#include "net/byte_stream.hpp"

#include "finpost/units.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace finpost::detail {

/// One client's connection: a `byte_stream`, and what is about a client. A payload is often there,
/// FIN included, when the connection is accepted, and such a connection never needs to be
/// registered for events. Belongs to its session's strand.
///
/// Only `close` and `shutdown_send` say a FIN. Every other end is a RST, also the one that the
/// kernel makes of a process that is killed: the listening socket's `reset_on_close` is that of
/// those it accepts.
class client_socket {
public:
    client_socket(boost::asio::any_io_executor strand, bool v6);
    /// Takes the accepted, non-blocking descriptor `fd`, before anything else. Not in the
    /// constructor: until nothing of the session can fail any more, closing it is not ours.
    void take(int fd) noexcept { stream_.take(fd); }
    /// Both at once, where nothing else can fail.
    client_socket(boost::asio::any_io_executor strand, int fd, bool v6)
        : client_socket(std::move(strand), v6) {
        take(fd);
    }
    ~client_socket(); // by a RST
    client_socket(const client_socket&) = delete;
    client_socket& operator=(const client_socket&) = delete;

    /// As `byte_stream`, which says more.
    void secure(const tls_context& tls) { stream_.secure(tls, tls_connection::role::server); }
    bool speaks_tls() const noexcept { return stream_.tls() != nullptr; }
    byte_stream& stream() noexcept { return stream_; }
    std::string_view failure() const noexcept { return stream_.failure(); }
    /// The name in the client's verified certificate; empty without TLS.
    std::string peer_name() const;

    result<std::size_t> read_some(std::span<std::byte> buffer) noexcept {
        return stream_.read_some(buffer);
    }
    result<std::size_t> peek() noexcept { return stream_.peek(); }
    result<std::size_t> peek(std::span<std::byte> buffer) noexcept { return stream_.peek(buffer); }
    /// How many bytes the kernel holds that were not read, and whether the client's FIN is behind
    /// them.
    std::size_t unread() const noexcept;
    bool input_ended() const noexcept;
    /// From now on `async_wait_readable` waits until the kernel holds so many bytes, or an end
    /// behind fewer: who looks at what he does not take would not wait for more otherwise. 1 is as
    /// it was.
    void wait_for_bytes(std::size_t least) noexcept;
    /// Reads what is there and drops it, whatever it is. After `shutdown_send`.
    result<std::size_t> discard_some() noexcept;
    /// Waits until there is something to read, an end included. The waiter holds no buffer: that is
    /// most of what a slow client costs. `cancel` ends it with `operation_aborted`.
    boost::asio::awaitable<std::tuple<error_code>> async_wait_readable();

    result<std::size_t> write_some(std::span<const std::byte> data) noexcept {
        return stream_.write_some(data);
    }
    result<std::size_t> send_file_piece(const payload& bytes, std::uint64_t from) {
        return stream_.send_file_piece(bytes, from);
    }
    boost::asio::awaitable<std::tuple<error_code>> async_wait_writable() {
        return stream_.async_wait_writable();
    }
    /// Without TLS the mark is the FIN, which comes with `shutdown_send` or `close`.
    error_code finish() noexcept { return stream_.finish(); }
    /// Whether something can be said to the client: over TLS, once it has agreed and while nothing
    /// has failed.
    bool can_speak() const noexcept;
    /// Whether a part of what was not yet taken may be on its way, so that nothing else can be.
    bool mid_write() const noexcept;
    /// Of what was written, the bytes that the peer's kernel has not taken yet.
    std::size_t unacknowledged() const noexcept;

    /// Calls `gone` on the strand, once, when the peer resets the connection (a FIN is no reset).
    /// Not after `ignore_reset`, `cancel` or `close`, nor while an urgent byte is unread.
    void when_reset(std::function<void()> gone);
    void ignore_reset() noexcept;
    /// The same, and ends the watch for it: the connection goes on with another exchange. Nothing
    /// else is pending.
    void end_watch() noexcept;

    /// For a connection that stays: what is written goes out at once, and after so long a silence
    /// the kernel asks whether the peer is still there (nothing: never).
    void stay(std::optional<duration> keepalive) noexcept;

    /// Whether an urgent byte was not read yet.
    bool has_urgent_byte() const noexcept;
    /// Whether the peer has reset the connection.
    bool was_reset() const noexcept;
    /// Waits until it does, or has. After the EOF only.
    boost::asio::awaitable<std::tuple<error_code>> async_wait_reset();

    /// Where TLS was due and nothing was said in it, says in it that there was no handshake.
    void send_alert() noexcept;
    /// Nothing is said in TLS any more, nor understood, and what it held is given back. What still
    /// comes can only be waited for and dropped.
    void end_tls() noexcept;
    /// Sends the end. What still comes can only be waited for and dropped.
    void shutdown_send() noexcept;
    /// Ends a pending operation.
    void cancel() noexcept { stream_.cancel(); }
    /// Closes with what tells a complete end, as far as it is not out yet and the client has not
    /// cut its own.
    void close() noexcept;
    /// Closes with a RST: the peer cannot take it for an end.
    void reset() noexcept;

private:
    void wait_for_reset();
    void release() noexcept;

    byte_stream stream_;
    std::shared_ptr<std::function<void()>> on_reset_; // empty inside once nobody wants to know
    bool input_over_ = false;                         // nothing of it is wanted any more
    int least_ = 1;                                   // bytes that make it readable
};

} // namespace finpost::detail
