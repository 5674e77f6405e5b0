#pragma once

#include "support/raw_client.hpp"
#include "tls_connection.hpp"

#include <string>
#include <string_view>

namespace finpost::test {

/// A client that speaks TLS on a socket of system calls, one step after the other. Bounded in time
/// like `raw_client`, and throws like it.
class tls_client {
public:
    tls_client(const socket_address& to, const tls_context& context,
               std::string_view name = "server.test");
    /// On a connection where something else has been said already.
    tls_client(raw_client connected, const tls_context& context,
               std::string_view name = "server.test");

    /// Success, or what the handshake came to.
    error_code handshake();
    tls_client& send(std::string_view data);
    /// The close_notify; reading goes on.
    tls_client& finish();

    enum class ending { close_notify, truncated, reset, failed, timeout };
    struct received {
        std::string bytes;
        ending how;
    };
    received read_to_end();

    raw_client& raw() noexcept { return raw_; }
    detail::tls_connection& connection() noexcept { return connection_; }

private:
    template <class Step>
    detail::transfer whole(const Step& step);

    raw_client raw_;
    detail::tls_connection connection_;
};

/// What a client says first.
std::string client_hello(const tls_context& context, std::string_view name = "server.test");

/// Connect, shake hands, send, close_notify, read to the end. Throws when the handshake fails.
tls_client::received tls_exchange(const socket_address& to, const tls_context& context,
                                  std::string_view data);

} // namespace finpost::test
