#pragma once

#include "tls_connection.hpp"
#include "transfer.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace finpost::detail {

/// What an exchange sends through and receives from, without knowing what it is. No call blocks:
/// each does what the socket allows now, or says what to wait for on it.
class stream {
public:
    virtual ~stream() = default;
    /// Everything that comes before the first byte.
    virtual transfer handshake() = 0;
    virtual transfer read(std::span<std::byte> room) = 0;
    virtual transfer write(std::span<const std::byte> data) = 0;
    /// Ends what this side sends; reading goes on.
    virtual transfer half_close() = 0;

    /// As of `tls_connection`; empty for plain TCP.
    virtual std::string_view failure() const { return {}; }
    virtual tls_description description() const { return {}; }
};

/// On the connected socket `fd`, which outlives it. Plain for no context; otherwise `host` is whom
/// the peer must prove to be, and std::invalid_argument says that it cannot be anybody.
std::unique_ptr<stream> make_stream(int fd, const tls_context& tls, std::string_view host);

} // namespace finpost::detail
