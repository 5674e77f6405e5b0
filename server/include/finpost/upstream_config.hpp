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

/// A header field to send.
struct http_header {
    /// A token (RFC 9110 §5.6.2), and none that finpost writes itself.
    std::string name;
    /// A template, as `upstream_config::path` is: printable ASCII, not empty, without spaces around
    /// it.
    std::string value;
    friend bool operator==(const http_header&, const http_header&) = default;
};

/// Everything an `http_upstream` needs to know: one HTTP service behind one or more endpoints.
///
/// Sizes are bytes. Times carry their unit in the type. Each time is above zero and at most a year.
struct upstream_config {
    /// The endpoints of the service: 1 to 64 URLs as `parse_http_url` makes them, none twice. They
    /// have the same scheme and the same path.
    std::vector<http_url> endpoints;

    /// The request's Content-Type: printable ASCII, not empty, without spaces around it, at most
    /// 1 KiB.
    std::string content_type = "application/octet-stream";

    /// The request's method: POST, PUT, PATCH, DELETE, QUERY, REPORT or SEARCH.
    std::string method = "POST";
    /// The request's path and query, in place of the URLs' own, which must be "/" then. It begins
    /// with "/" and has at most 4 KiB. Empty: the URLs'.
    ///
    /// It is a template. `{peer.ip}`, `{peer.port}`, `{local.port}`, `{request.id}`,
    /// `{payload.bytes}` and `{tls.peer_name}` stand for what the exchange has there,
    /// percent-encoded. `{{` and `}}` are braces.
    std::string path;
    /// Header fields beside those that finpost writes itself: at most 64, and 8 KiB of names and
    /// values in all; none twice.
    std::vector<http_header> headers;

    /// The longest time to get a connection, over all addresses and endpoints, waiting included.
    duration connect{3'000};
    /// The longest time from the handler's start to the complete response. After it the exchange is
    /// refused with `upstream_timeout`.
    duration total{30'000};
    /// For `https://` endpoints: whom to trust, what to show, and the name they must have. For
    /// `http://` endpoints all of it stays at its default. The handshake is part of `connect`.
    /// `client_auth` is a server's, and stays at its default here. Problems name "upstream_ca",
    /// "upstream_cert", "upstream_key", "upstream_server_name", "upstream_insecure" (`verify`) and
    /// "upstream_client_auth".
    tls_options tls;
    /// The largest response body in bytes: above zero, at most 64 TiB. One byte more is refused
    /// with `reply_too_large`.
    std::uint64_t max_reply = 16u << 20;
    /// What becomes of a response whose status is not 200 to 299.
    status_policy on_status = status_policy::refuse;

    /// Connections to the upstream held at once, busy and idle: at least 1. An exchange that finds
    /// none free waits within `connect`, then is refused with `busy`.
    std::size_t max_connections = 4'096;
    /// How long an idle connection is kept. It has to be below what the service allows (Node.js:
    /// 5 s).
    duration keep_alive{4'000};
    /// How often host names are looked up again, outside the exchanges' path.
    duration resolve_every{30'000};

    /// What a health check asks each endpoint for, with a GET on a connection of its own: a path
    /// that begins with "/", at most 4 KiB, without spaces and control characters. A status of 200
    /// to 299 is well. An endpoint that is not well, two times in a row or at the first check, is
    /// ejected until a check succeeds.
    ///
    /// Empty: an endpoint is connected to, over TLS with the handshake, when it was never reached
    /// or has failed last. It is left alone while it is well.
    std::string health_path;
    /// From one check of an endpoint to the next, a tenth more or less.
    duration health_every{5'000};
    /// The longest time of a check, from connecting to the response's head.
    duration health_timeout{2'000};

    friend bool operator==(const upstream_config&, const upstream_config&) = default;
};

/// Every problem of a configuration, in the order of its fields; empty when it is good. It reads
/// the files that `tls` names.
FINPOST_EXPORT std::vector<config_problem> validate(const upstream_config& config);

} // namespace finpost
