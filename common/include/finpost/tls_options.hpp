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

/// What TLS is set up from, on either side. Files are PEM, read once, when the context is made.
struct tls_options {
    /// Certificates that are trusted to sign the peer's; one in between needs no root. Empty: the
    /// system's, for a client. A revocation list in the same file is obeyed; each CA that signs
    /// peers must then have one.
    std::string ca;
    /// This side's certificate, then its intermediates. A server needs one, a client only when it
    /// is asked.
    std::string cert;
    /// The private key of `cert`, without a passphrase. Empty: in the same file.
    std::string key;
    /// A client's only: the name or address that the peer's certificate must carry, and what it is
    /// asked for (SNI, RFC 6066 §3; never an address). Empty: the host that is connected to.
    std::string server_name;
    /// A client's only: false takes whatever certificate it is shown, so anybody in between can
    /// read and change everything.
    bool verify = true;
    /// A server's only: anything but `off` needs `ca`.
    tls_client_auth client_auth = tls_client_auth::off;

    friend bool operator==(const tls_options&, const tls_options&) = default;
};

} // namespace finpost
