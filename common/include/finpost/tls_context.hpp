#pragma once

#include "finpost/export.hpp"
#include "finpost/tls_options.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct ssl_ctx_st; // OpenSSL's SSL_CTX

namespace finpost {

/// What every TLS connection of one kind shares: certificates, trust, protocol versions (1.2
/// and 1.3, OpenSSL's security level 2 at least, no compression, no renegotiation).
///
/// A handle: copies share it, a connection keeps what it needs of it alive, and replacing a handle
/// (a reload) changes nothing for connections that exist. Made by `make_client_tls` and
/// `make_server_tls`; safe to use from several threads.
class FINPOST_EXPORT tls_context {
public:
    using time_point = std::chrono::system_clock::time_point;

    /// None: no TLS.
    tls_context() noexcept = default;

    explicit operator bool() const noexcept { return state_ != nullptr; }

    /// `tls_options::server_name`.
    const std::string& server_name() const noexcept;
    /// When the first of this side's certificates, intermediates included, stops being valid;
    /// nothing without a certificate.
    std::optional<time_point> expires() const noexcept;
    /// For calls of OpenSSL; the handle goes on owning it. Null for none.
    ssl_ctx_st* native() const noexcept;

private:
    struct state;
    friend class tls_maker;
    std::shared_ptr<const state> state_;
};

/// Whole days until `expires`, rounded down: 0 on the last day, negative once it has passed.
FINPOST_EXPORT std::int64_t days_left(tls_context::time_point expires,
                                      tls_context::time_point now) noexcept;

/// A TLS connection as people are told of it.
struct tls_description {
    std::string protocol; ///< "TLSv1.3"; empty when it did not come to an agreement
    std::string cipher;
    std::string peer_name; ///< of its certificate, if that was verified; percent-encoded
    std::string verified;  ///< "ok", or what is wrong with the peer's certificate
    bool resumed = false;
};

/// Something wrong with one of the options. The message names the file, not the option: every user
/// of these has names of its own.
struct tls_problem {
    enum class option { ca, cert, key, server_name, client_auth };
    option where;
    std::string message;
};

/// A context, or everything that is wrong; then the context is none.
struct tls_made {
    tls_context context;
    std::vector<tls_problem> problems;
    /// What does not keep it from working, but may keep peers from agreeing: a certificate that has
    /// expired or is not valid yet.
    std::vector<tls_problem> warnings;
};

/// A client's side. The peer is verified unless `tls_options::verify` says otherwise.
FINPOST_EXPORT tls_made make_client_tls(const tls_options& options);

/// A server's side.
FINPOST_EXPORT tls_made make_server_tls(const tls_options& options);

} // namespace finpost
