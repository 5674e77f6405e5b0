#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/units.hpp"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace finpost {

/// How bytes are written as text on one side of the gateway.
enum class codec { none, base64 };

/// What a client gets in place of an answer. `line` is the only one it can tell from a short reply.
enum class refusal_style {
    line,  ///< `finpost: <reason> <request id>\n`, then FIN
    close, ///< FIN and nothing else
    reset, ///< RST
};

/// What becomes of a response whose status is not 200 to 299.
enum class status_policy {
    refuse, ///< the client gets `upstream_status`
    relay,  ///< the client gets the body, whatever the status
};

/// What becomes of an exchange whose client resets the connection while the handler works.
enum class client_reset_policy { finish, cancel };

/// Which exchanges get a line in the access log.
enum class access_log { off, refused, all };

/// One thing that is wrong in a configuration: the field's name as in the aggregate, and what is wrong.
struct config_problem {
    std::string field;
    std::string message;
};

/// Everything a `gateway` needs to know. An aggregate: set what differs, then pass it on; the gateway
/// validates it once. Sizes are bytes, times carry their unit in the type.
struct gateway_config {
    /// Where clients connect; port 0 takes any free port. At least one.
    std::vector<socket_address> listen;

    /// What a payload is decoded from before the handler sees it.
    codec decode = codec::none;
    /// What the handler's bytes are encoded to before the client gets them.
    codec encode = codec::none;

    /// The largest payload, before decoding. One byte more is refused with `too_large`.
    std::uint64_t max_payload = 16u << 20;
    /// All payloads and replies held at once, at least `max_payload`. Above it, reading pauses.
    std::uint64_t max_buffered = 1u << 30;

    /// Connections held at once; more wait in the kernel's backlog. At least 1.
    std::size_t max_connections = 10'000;
    /// Connections held at once from one address, refused with `busy` above it; 0 = no such limit.
    std::size_t max_per_source = 0;
    /// Connections accepted in a second, over all listeners; more wait in the backlog; 0 = no limit.
    std::size_t accept_rate = 0;
    /// The slowest upload tolerated, in bytes a second, from 5 s after the connection was accepted;
    /// slower is refused with `too_slow`. 0 = no such limit.
    std::uint64_t min_rate = 0;

    /// The longest pause between two reads, and the longest time to EOF: `receive_timeout`.
    duration receive_idle{10'000};
    duration receive_total{60'000};
    /// The longest time for writing the reply; after it the connection is reset.
    duration reply_total{30'000};
    /// After a refusal to a client that is still sending: how long its input is drained, so that it
    /// gets to read the refusal (RFC 9112 §9.6).
    duration linger{2'000};

    refusal_style on_refusal = refusal_style::line;
    client_reset_policy on_client_reset = client_reset_policy::finish;
    finpost::access_log access_log = finpost::access_log::all;
};

/// Every problem of a configuration, in the order of its fields; empty when it is good.
std::vector<config_problem> validate(const gateway_config& config);

/// Everything an `http_upstream` needs to know: one HTTP service behind one or more endpoints.
struct upstream_config {
    /// The service. Several URLs are endpoints of the same service: they differ in host and port only.
    std::vector<http_url> endpoints;

    /// The request's Content-Type.
    std::string content_type = "application/octet-stream";

    /// The longest time to get a connection, over all addresses and endpoints, waiting included.
    duration connect{3'000};
    /// The longest time from the handler's start to the complete response: `upstream_timeout`.
    duration total{30'000};
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
};

std::vector<config_problem> validate(const upstream_config& config);

/// Thrown by constructors that were given a bad configuration; `what()` lists every problem.
class config_error : public std::invalid_argument {
public:
    explicit config_error(std::vector<config_problem> problems);
    const std::vector<config_problem>& problems() const noexcept { return problems_; }

private:
    std::vector<config_problem> problems_;
};

} // namespace finpost
