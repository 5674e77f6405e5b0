#pragma once

#include "policy/admission.hpp"
#include "policy/proxy_protocol.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/tls_context.hpp"
#include "finpost/units.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <optional>
#include <utility>

namespace finpost {
struct gateway_config;
}

namespace finpost::detail {

class client_socket;

/// What has to come before a client's payload: a PROXY header, a TLS handshake, or the one and then
/// the other. Most clients of most gateways have none, and pay nothing for it.
class preamble {
public:
    preamble(bool proxied, tls_context wanted, admission::permit held)
        : tls(std::move(wanted)), handshake_permit(std::move(held)) {
        if (proxied) header.emplace();
    }

    std::optional<proxy_parser> header;
    tls_context tls;
    admission::permit handshake_permit; // of those that may be in their preamble at once
    std::size_t looked_at = 0; // bytes of the first record that were there at the last look
    bool begun = false;        // a byte has come of what is due
    bool is_other = false;     // and it is no TLS
};

/// Reads the header and not a byte more. Fails with `proxy_protocol` when it is bad or not there in
/// time, with the exchange_deadline's error, or with what the connection says.
boost::asio::awaitable<error_code> read_proxy_header(client_socket& socket, preamble& first,
                                                     duration limit, exchange_deadline& deadline);

/// Agrees on TLS. Fails likewise, with `tls_handshake`; `preamble::is_other` says of a client that
/// it does not speak TLS at all.
boost::asio::awaitable<error_code> handshake(client_socket& socket, preamble& first, duration limit,
                                             exchange_deadline& deadline);

} // namespace finpost::detail
