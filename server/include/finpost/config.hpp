#pragma once

#include "finpost/base64.hpp"
#include "finpost/config_problem.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/export.hpp"
#include "finpost/network.hpp"
#include "finpost/tls_options.hpp"
#include "finpost/units.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace finpost {

/// How bytes are written as text on one side of the gateway.
enum class codec { none, base64 };

/// What is cut from a payload's end before it is decoded.
enum class trimming {
    none,
    nul,   ///< zero bytes, which a C program may send along with its text
    space, ///< spaces, tabs, CR and LF
};

/// What a client gets in place of an answer. `line` is the only one it can tell from a short reply.
enum class refusal_style {
    line,  ///< `finpost: <reason> <request id>\n`, then FIN
    close, ///< FIN and nothing else
    reset, ///< RST
};

/// What becomes of a payload that is an HTTP request or a TLS ClientHello: the health checks of
/// balancers and scanners, which take this for another port. They are told by their first bytes.
enum class foreign_policy {
    forward, ///< it goes to the handler, as every payload; a warning says so, at most once an hour
    probe,   ///< GET and HEAD get a 200 from the gateway itself, once their head is there; a
             ///< ClientHello is reset. Both count as probes. Other requests are refused with
             ///< `foreign`
    refuse,  ///< `foreign`, at once
};

/// What becomes of an exchange whose client resets the connection while the handler works. Clients
/// are watched for it from 100 ms after the payload's end. Either way it is counted and in the
/// access line.
enum class client_reset_policy { finish, cancel };

/// Which exchanges get a line in the access log.
enum class access_log { off, refused, all };

/// Everything a `gateway` needs to know. An aggregate: set what differs, then pass it on; the
/// gateway validates it once. Sizes are bytes, times carry their unit in the type.
struct gateway_config {
    /// Where clients connect; port 0 takes any free port. At least one.
    std::vector<socket_address> listen;

    /// What a payload is decoded from before the handler sees it.
    codec decode = codec::none;
    /// How strict Base64 is read; what is written is the standard alphabet with its padding.
    finpost::base64::rules base64 = {};
    /// What is cut from a payload's end before that. Cut bytes count in `max_payload`; when nothing
    /// is left, the exchange is refused with `empty`.
    trimming trim = trimming::none;
    /// What the handler's bytes are encoded to before the client gets them.
    codec encode = codec::none;

    /// The largest payload, before decoding. One byte more is refused with `too_large`.
    std::uint64_t max_payload = 16u << 20;
    /// Once more than this has come without the EOF, the exchange goes to the group's
    /// `streaming_handler` while the client is still sending; nothing: every payload is
    /// accumulated. `max_payload` holds as before.
    std::optional<std::uint64_t> stream_above;
    /// All payloads and replies held at once, at least `max_payload` (what is streamed is not
    /// held). Above it, reading pauses.
    std::uint64_t max_buffered = 1u << 30;
    /// What a payload or a reply may hold in memory; 0 = everything. One that grows beyond it goes
    /// on in an unlinked file, which does not count in `max_buffered`: the disk holds `max_payload`
    /// and `max_reply` for each of `max_connections` at the most. A reply also goes there when the
    /// memory is used up. Where the disk takes no more, that exchange alone is refused with
    /// `spill_failed`.
    std::uint64_t spill_above = 4u << 20;
    /// The directory of these files; empty = $TMPDIR, or /tmp without one. On a tmpfs they are
    /// memory.
    std::string spill_dir = {};

    /// Connections held at once; more wait in the kernel's backlog. At least 1.
    std::size_t max_connections = 10'000;
    /// Connections held at once from one address, refused with `busy` above it; 0 = no such limit.
    std::size_t max_per_source = 0;
    /// Connections accepted in a second, over all listeners; more wait in the backlog; 0 = no
    /// limit.
    std::size_t accept_rate = 0;
    /// The addresses that may connect. With anything in `allow` no other may. `deny` wins over it.
    /// Others are `denied` before a byte is read: reset, or closed without a word where
    /// `on_refusal` says `close`.
    std::vector<network> allow, deny;
    /// The slowest upload tolerated, in bytes a second, from 5 s after the connection was accepted;
    /// slower is refused with `too_slow`. The same holds for reading a reply, from 5 s after the
    /// kernel's buffers were full; slower is reset. 0 = no such limit.
    std::uint64_t min_rate = 0;

    /// TLS for every listener; off while all of it is at its default. `ca` is what clients'
    /// certificates are judged by. Problems name "tls_cert", "tls_key", "tls_client_ca" and
    /// "tls_client_auth". A client's end is its close_notify then (RFC 8446 §6.1); a FIN without
    /// one is `tls_truncated`.
    tls_options tls;
    /// The longest time for a handshake, from the connection's first moment or the end of its PROXY
    /// header: `tls_handshake`, without a word to the client.
    duration tls_handshake{5'000};
    /// Connections at once that are in their handshake or PROXY header; more wait in the kernel's
    /// backlog, so that clients who begin and never go on cannot take all of `max_connections`.
    std::size_t max_handshakes = 1'000;
    /// Proxies: these peers must send a PROXY header, version 1 or 2, before everything else, and
    /// nobody else may (it would be payload). The address in it counts for `allow`, `deny` and
    /// `max_per_source`, in the log and for the handler. A bad one is `proxy_protocol`.
    std::vector<network> proxy_protocol_from;
    /// The longest time for that header.
    duration proxy_protocol{5'000};

    /// The longest pause between two reads, and the longest time to EOF from the end of a
    /// handshake: `receive_timeout`.
    duration receive_idle{10'000};
    duration receive_total{60'000};
    /// The longest time for writing the reply; after it the connection is reset.
    duration reply_total{30'000};
    /// After a refusal to a client that is still sending: how long its input is drained, so that it
    /// gets to read the refusal (RFC 9112 §9.6).
    duration lingering_close{2'000};

    refusal_style on_refusal = refusal_style::line;
    foreign_policy foreign = foreign_policy::forward;
    client_reset_policy on_client_reset = client_reset_policy::finish;
    finpost::access_log access_log = finpost::access_log::all;

    /// The share of exchanges, 0 to 1, that are marked as sampled: `traceparent` says so to the
    /// upstream, and the access line has their `trace_id`. 0 marks none.
    double trace_sampled = 0;

    friend bool operator==(const gateway_config&, const gateway_config&) = default;
};

/// Where spilled payloads go unless `spill_dir` says: $TMPDIR, or /tmp without one.
FINPOST_EXPORT std::string default_spill_directory();

/// Every problem of a configuration, in the order of its fields; empty when it is good. Reads the
/// files of TLS, where there is any, and makes a file in the directory for spilling, where that is
/// on.
FINPOST_EXPORT std::vector<config_problem> validate(const gateway_config& config);

} // namespace finpost
