#pragma once

#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/gateway_fixture.hpp"
#include "support/tls_client.hpp"
#include "support/until.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace finpost::test {

/// A gateway with TLS on its listener, and certificates for both sides. Without the command openssl
/// there are none, and `ready` is false.
struct tls_gateway : gateway_fixture {
    tls_gateway() {
        if (!have("openssl")) return;
        made = std::make_shared<certificates>();
        made->make("server");
        config.tls = identity("server");
    }
    bool ready() const { return made != nullptr; }

    tls_options identity(const std::string& file) const {
        tls_options out;
        out.cert = made->path(file + ".pem");
        out.key = made->path(file + ".key");
        return out;
    }
    /// Asks clients for certificates of the authority, or of what is in another file.
    void ask(tls_client_auth how, const std::string& ca = "ca.pem") {
        config.tls.client_auth = how;
        config.tls.ca = made->path(ca);
    }
    /// A client that trusts the authority and, when `file` is given, shows that certificate.
    tls_context client(const std::string& file = {}) const {
        tls_options options;
        if (!file.empty()) options = identity(file);
        options.ca = made->path("ca.pem");
        return make_client_tls(options).context;
    }
    tls_client::received secure_exchange(std::string_view data) const {
        return tls_exchange(address(), client(), data);
    }

    /// Waits until so many connections have been counted as probes.
    bool until_probes(std::uint64_t n) {
        return until([this, n] { return counters.probes.value() == n; });
    }

    std::shared_ptr<certificates> made;
};

} // namespace finpost::test
