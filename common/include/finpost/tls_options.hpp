#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <string>
#include <string_view>

namespace finpost {

/// Whether a server asks its clients for a certificate.
enum class tls_client_auth {
    off,      ///< it does not ask
    optional, ///< one that is shown must be valid
    required, ///< no valid certificate, no connection
};

/// "off", "optional", "required".
FINPOST_EXPORT std::string_view to_string(tls_client_auth value) noexcept;
/// Reads one of these words, and nothing else.
FINPOST_EXPORT parsed<tls_client_auth> parse_tls_client_auth(std::string_view word);

/// What TLS is set up from, on either side. Files are PEM. They are read once, when the context is
/// made.
struct tls_options {
    /// The file of the certificates that are trusted to sign the peer's. An authority in between
    /// needs no root. A revocation list in the same file is obeyed; each authority that signs peers
    /// must then have one. Empty: a client trusts the system's certificates, and a server can ask
    /// its clients for none.
    std::string ca;
    /// The file of this side's certificate, followed by its intermediates. Empty: a client has
    /// none, and shows none when it is asked. A server must have one.
    std::string cert;
    /// The file of the private key of `cert`, without a passphrase. Empty: the key is in `cert`. A
    /// key without a `cert` is a problem.
    std::string key;
    /// Of a client only. The name or address that the peer's certificate must carry. A name is also
    /// what the peer is asked for (SNI, RFC 6066 §3). Empty: the host that is connected to.
    std::string server_name;
    /// Of a client only. False: whatever certificate the peer shows is taken, so anybody in between
    /// can read and change everything.
    bool verify = true;
    /// Of a server only. Anything but `off` needs `ca`.
    tls_client_auth client_auth = tls_client_auth::off;

    friend bool operator==(const tls_options&, const tls_options&) = default;
};

} // namespace finpost
