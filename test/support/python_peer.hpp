#pragma once

#include "support/child_process.hpp"

#include "finpost/endpoint.hpp"

#include <string>
#include <vector>

namespace finpost::test {

/// A TLS service of Python's ssl module on a free port of loopback, for one client after the other.
/// It says on standard output what it saw of each: "payload N whole", "payload N truncated",
/// "handshake failed", and, when it is told to expect one, "proxy ..." with the header's line.
class python_tls_peer {
public:
    struct behaviour {
        std::string cert, key,
            client_ca; ///< files; a client's certificate is demanded where there is a CA
        std::string version = "1.3";
        /// "echo": to the close_notify, then the payload back, then its own close_notify;
        /// "cut": the same without the close_notify; "empty": a close_notify and nothing else;
        /// "early": 54 bytes of a refusal and its close_notify as soon as the handshake is over,
        /// then reads on; "silent": nothing, until it is ended.
        std::string mode = "echo";
        bool expects_proxy_line = false;
    };
    explicit python_tls_peer(const behaviour& what);

    host_port address() const { return {"127.0.0.1", port_}; }
    std::string text() const { return to_string(address()); }
    bool saw(const std::string& words) { return process_.wait_for_output(words); }

private:
    child_process process_;
    std::uint16_t port_ = 0;
};

} // namespace finpost::test
