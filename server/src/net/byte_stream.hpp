#pragma once

#include "tls_connection.hpp"

#include "finpost/error.hpp"
#include "finpost/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>

namespace finpost {
class exchange_deadline;
class payload;
class tls_context;
} // namespace finpost

namespace finpost::detail {

class tls_layer;

/// A connection: TCP, or TLS on it. Its user reads and writes without knowing which.
///
/// It tries the system call first and waits only when it must: an accepted connection that never
/// waits is never registered for events. Belongs to one strand. It closes as its SO_LINGER says
/// (reset_on_close.hpp): how a connection ends is its owner's business.
///
/// An error of the socket is sticky: the kernel tells it once, and then says 0, which is no end.
class byte_stream {
public:
    using tcp = boost::asio::ip::tcp;

    /// Of an accepted descriptor, which `take` gives it.
    byte_stream(boost::asio::any_io_executor strand, bool v6);
    /// Of a connected socket, which becomes non-blocking.
    explicit byte_stream(tcp::socket connected);
    byte_stream(byte_stream&& other) noexcept;
    byte_stream& operator=(byte_stream&& other) noexcept;
    ~byte_stream();

    /// Takes a non-blocking descriptor.
    void take(int fd) noexcept { fd_ = fd; }
    bool is_open() const noexcept { return fd_ >= 0; }
    /// For what is about the socket itself: its options, and what the kernel knows of it.
    int fd() const noexcept { return fd_; }

    /// From now on everything goes through TLS. `handshake` comes first and is called again, after
    /// `async_wait_readable`, for as long as it says `error::would_block`. A client's `host` is the
    /// name that the certificate must have, unless the context has one.
    void secure(const tls_context& context, tls_connection::role as, std::string_view host = {});
    error_code handshake() noexcept;
    /// Why TLS failed, in words; empty without TLS.
    std::string_view failure() const noexcept;
    /// Null for plain TCP.
    tls_layer* tls() noexcept { return tls_.get(); }
    const tls_layer* tls() const noexcept { return tls_.get(); }
    /// What TLS held is given back: what still comes is nothing that anybody understands.
    void end_tls() noexcept;

    /// Reads what is there now; `error::would_block` when nothing is, `error::eof` at the end: the
    /// FIN, and over TLS the close_notify. A FIN alone is `reason::tls_truncated` there.
    result<std::size_t> read_some(std::span<std::byte> buffer) noexcept;
    /// Says what `read_some` would say, and takes nothing. Over TLS something may be there that is
    /// no byte for its user: then it is `would_block`.
    result<std::size_t> peek() noexcept;
    /// The same, and copies what is there to the front of `buffer`.
    result<std::size_t> peek(std::span<std::byte> buffer) noexcept;
    /// As `recv`: what the socket has, whether TLS is on it or not.
    result<std::size_t> receive(std::span<std::byte> buffer, int flags) noexcept;

    /// Writes what can be written now, both in one write; never a SIGPIPE. Over TLS `second`
    /// follows when `first` is empty.
    result<std::size_t> write_some(std::span<const std::byte> first,
                                   std::span<const std::byte> second = {}) noexcept;
    /// Writes of a spilled payload what can be written now, from `from` on and some 256 KiB at the
    /// most; a `file_error` (spill_io.hpp) when its file cannot be read.
    result<std::size_t> send_file_piece(const payload& bytes, std::uint64_t from);
    /// Marks the end of what was written so that it can be told from a cut: a close_notify. It may
    /// have to wait as a write does. Without TLS the FIN is that mark, and this does nothing.
    error_code finish() noexcept;

    /// Wait until `read_some` or `write_some` may have something else to say than `would_block`.
    /// The waiter holds no buffer. `cancel` ends the wait with `operation_aborted`.
    boost::asio::awaitable<std::tuple<error_code>> async_wait_readable();
    boost::asio::awaitable<std::tuple<error_code>> async_wait_writable();
    /// The socket, registered for events: to wait for what is none of TLS's business.
    tcp::socket& registered();
    /// Ends pending waits.
    void cancel() noexcept;

    void close() noexcept;

private:
    boost::asio::awaitable<std::tuple<error_code>> wait_for(readiness what);
    error_code note(int error) noexcept;

    tcp::socket socket_;
    int fd_ = -1;
    int broken_ = 0; // the error that the kernel has told
    bool v6_ = false;
    std::unique_ptr<tls_layer> tls_;
};

/// Goes through with the TLS handshake, as long as the deadline allows. Success, the deadline's
/// error, or why it failed.
boost::asio::awaitable<error_code> handshake(byte_stream& stream, exchange_deadline& deadline);

} // namespace finpost::detail
