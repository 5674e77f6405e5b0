// A client's connection: plain, or TLS on it.
#pragma once

#include "sim/tcp.hpp"
#include "sim/tls.hpp"

#include <cstdint>
#include <optional>

namespace finpost::sim {

/// As send(2), recv(2) and a FIN.
class connection {
public:
    connection(tcp_end& sock, bool tls) : sock_(sock) {
        if (tls) tls_.emplace(sock);
    }
    std::int64_t send(const void* from, std::size_t n) {
        return tls_ ? tls_->send(from, n) : sock_.send(from, n);
    }
    std::int64_t receive(void* to, std::size_t n) {
        return tls_ ? tls_->receive(to, n) : sock_.receive(to, n);
    }
    /// 0 or -EAGAIN, or what has failed.
    std::int64_t finish() { return tls_ ? tls_->finish() : sock_.shutdown(1); }

    tcp_end& socket() { return sock_; }

private:
    tcp_end& sock_;
    std::optional<tls_client_end> tls_;
};

} // namespace finpost::sim
