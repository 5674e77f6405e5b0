// TLS for the clients inside the simulated kernel, and the certificate of the gateway.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace finpost::sim {

struct tcp_end;

/// A client's end of TLS on a simulated connection; as recv(2) and send(2), negative: -errno.
class tls_client_end {
public:
    explicit tls_client_end(tcp_end& below);
    ~tls_client_end();
    tls_client_end(tls_client_end&&) noexcept;

    std::int64_t send(const void* from, std::size_t n);
    /// 0 is the close_notify; a FIN without one is -ECONNRESET, for it proves nothing.
    std::int64_t receive(void* to, std::size_t n);
    std::int64_t finish(); ///< the close_notify

private:
    struct state;
    std::unique_ptr<state> state_;
};

/// From now on OpenSSL's random numbers are those of the simulated kernel, where there is one.
void make_openssl_repeatable();

/// Files with a certificate for "localhost" and its RSA key, whose signatures are always as long.
const std::string& certificate_file();
const std::string& key_file();

} // namespace finpost::sim
