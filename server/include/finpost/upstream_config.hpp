#pragma once

#include "finpost/config_problem.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/export.hpp"
#include "finpost/tls_options.hpp"
#include "finpost/units.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace finpost {

/// What becomes of a response whose status is not 200 to 299.
enum class status_policy {
    refuse, ///< the client gets `upstream_status`
    relay,  ///< the client gets the body, whatever the status; without one, `upstream_status`
};

/// A header field to send; the value is a template, as `upstream_config::path` is.
struct http_header {
    std::string name;
    std::string value;
    friend bool operator==(const http_header&, const http_header&) = default;
};

/// Everything an `http_upstream` needs to know: one HTTP service behind one or more endpoints.
struct upstream_config {
    /// The service. Several URLs are endpoints of the same service: they differ in host and port
    /// only.
    std::vector<http_url> endpoints;

    /// The request's Content-Type.
    std::string content_type = "application/octet-stream";

    /// The request's method: POST, PUT, PATCH, DELETE, QUERY, REPORT or SEARCH.
    std::string method = "POST";
    /// The path and query, in place of the URLs' own, which are "/" then; empty = the URLs'. A
    /// template: `{peer.ip}`, `{peer.port}`, `{local.port}`, `{request.id}` and `{payload.bytes}`
    /// stand for what the exchange has there, percent-encoded; `{{` and `}}` are braces.
    std::string path;
    /// Header fields beside those that finpost writes itself, which cannot be among them. At most
    /// 64, and 8 KiB in all.
    std::vector<http_header> headers;

    /// The longest time to get a connection, over all addresses and endpoints, waiting included.
    duration connect{3'000};
    /// The longest time from the handler's start to the complete response: `upstream_timeout`.
    duration total{30'000};
    /// For endpoints that are `https://`, all or none: whom to trust, what to show, and the name
    /// they must have. The handshake is part of `connect`. Problems name "upstream_ca",
    /// "upstream_cert", "upstream_key", "upstream_server_name" and "upstream_insecure" (`verify`).
    tls_options tls;
    /// The largest response body; above it `reply_too_large`.
    std::uint64_t max_reply = 16u << 20;
    status_policy on_status = status_policy::refuse;

    /// Connections to the upstream held at once, busy and idle. Exchanges above it wait within
    /// `connect`, then are refused with `busy`.
    std::size_t max_connections = 4'096;
    /// How long an idle connection is kept: below what common servers allow (Node.js: 5 s).
    duration keep_alive{4'000};
    /// How often host names are looked up again, outside the exchanges' path.
    duration resolve_every{30'000};

    /// What a health check asks each endpoint for, with a GET on a connection of its own: a status
    /// of 200 to 299 is well. An endpoint that is not, two times in a row or at the first check, is
    /// ejected until a check succeeds. Empty: an endpoint is connected to, over TLS with the
    /// handshake, when it was never reached or has failed last, and is left alone while it is well.
    std::string health_path;
    /// From one check of an endpoint to the next, a tenth more or less.
    duration health_every{5'000};
    /// The longest time from connecting to the response's head.
    duration health_timeout{2'000};

    friend bool operator==(const upstream_config&, const upstream_config&) = default;
};

/// Every problem of a configuration, in the order of its fields; empty when it is good. Reads the
/// files of TLS, where there is any.
FINPOST_EXPORT std::vector<config_problem> validate(const upstream_config& config);

} // namespace finpost
