#pragma once

#include "net/tls_side.hpp"
#include "tls_connection.hpp"

#include "finpost/logger.hpp"
#include "finpost/upstream_config.hpp"

#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

namespace finpost::detail {

class upstream_stream;

/// How the endpoints of an upstream are reached over TLS, or that they are not. Remembers for each
/// of them what the next connection can resume. Thread safe.
class upstream_tls {
public:
    /// `made` of `config`. Logs what is worth a warning, each time anew that nobody is verified.
    upstream_tls(const upstream_config& config, tls_side made, const logger& log);

    /// Whether it is TLS.
    bool used() const noexcept { return used_; }
    /// Begins it on a fresh connection to an endpoint.
    void secure(upstream_stream& fresh, std::size_t endpoint) const;
    /// After a response on a connection whose first it was.
    void remember(const upstream_stream& stream, std::size_t endpoint);

    /// Nothing is resumed there next time.
    void forget(std::size_t endpoint);

    /// Reads the files again, for connections from now on; nothing is resumed then. Whatever is
    /// wrong is returned, and nothing changes.
    std::vector<config_problem> renew(const logger& log);
    /// The same with what was read already, and is good.
    void use(tls_side made, const logger& log);
    /// When the certificate that is shown to the upstream expires; nothing without one.
    std::optional<tls_context::time_point> expires() const;

private:
    const tls_options options_;
    const std::vector<http_url> endpoints_;
    const bool used_;
    mutable std::mutex mutex_;
    tls_context context_;
    std::vector<tls_session> sessions_; // by endpoint
};

} // namespace finpost::detail
