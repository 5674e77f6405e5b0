#pragma once

#include "tls_connection.hpp"

#include "finpost/error.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace finpost::detail {

/// TLS on a socket, in the words of the socket itself: a size, `error::would_block`, `error::eof`
/// (which is the close_notify and nothing else), or what failed. What has failed stays failed: no
/// end comes after it. Belongs to one strand.
class tls_layer {
public:
    /// As of `tls_connection`.
    tls_layer(const tls_context& context, tls_connection::role as, int fd,
              std::string_view name = {})
        : connection_(context, as, fd, name) {}

    /// Success, `would_block`, or why it failed.
    error_code handshake() noexcept;
    result<std::size_t> read_some(std::span<std::byte> buffer) noexcept;
    result<std::size_t> peek(std::span<std::byte> buffer) noexcept;
    result<std::size_t> write_some(std::span<const std::byte> data) noexcept;
    /// Ends what this side sends. Once it has succeeded it does nothing, nor where nothing can be
    /// said.
    error_code close_notify() noexcept;

    /// What to wait for after `would_block`.
    readiness to_read() const noexcept { return to_read_; }
    readiness to_write() const noexcept { return to_write_; }
    /// Another read may give something though the socket has nothing more: then it is no use to
    /// wait for it.
    bool input_at_hand() const noexcept { return reading_ && connection_.holds_input(); }
    /// Part of what was not yet taken may be on its way: nothing else can be sent now.
    bool mid_write() const noexcept { return mid_write_; }
    /// Whether something can be said to the peer: it has agreed, and nothing has failed since but
    /// its end.
    bool can_speak() const noexcept { return agreed_ && !broken_ && !said_goodbye_; }
    /// Whether the peer's FIN has come without a close_notify.
    bool truncated() const noexcept { return truncated_; }

    tls_connection& connection() noexcept { return connection_; }
    const tls_connection& connection() const noexcept { return connection_; }

private:
    error_code noted(const transfer& step, readiness& to_wait) noexcept;
    template <class Step>
    transfer tried(const Step& step) noexcept;

    tls_connection connection_;
    readiness to_read_ = readiness::readable;
    readiness to_write_ = readiness::writable;
    bool reading_ = false; // the last read gave something
    bool mid_write_ = false;
    error_code broken_; // what failed first
    bool agreed_ = false, truncated_ = false, said_goodbye_ = false;
};

} // namespace finpost::detail
