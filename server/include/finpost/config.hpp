#pragma once

#include "finpost/base64.hpp"
#include "finpost/config_problem.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/export.hpp"
#include "finpost/frame_spec.hpp"
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
enum class client_reset_policy {
    finish, ///< the handler goes on to its end
    cancel, ///< the handler's deadline says `connection_reset`
};

/// Which exchanges get a line in the access log.
enum class access_log {
    off,
    refused, ///< those that were refused
    all,     ///< every one, but no probes
};

/// What becomes of the bytes of a frame that the client's FIN cuts. A reset cuts a frame in any
/// case, and it goes nowhere.
enum class tail_policy {
    automatic, ///< `accept` for `line` and `delimiter`, whose last end is often left out; else
               ///< `refuse`
    accept,    ///< they are the payload: nobody can tell whether it is whole
    refuse,    ///< `incomplete_frame`
};

/// How a client is told what became of its payload. A refusal has the same form as a reply.
enum class reply_format {
    body,    ///< a reply is the handler's bytes; a refusal is `finpost: <reason> <request id>\n`
    status,  ///< a line `200 <request id>\n`, then the bytes; a refusal is
             ///< `refused <reason> <request id>\n`
    json,    ///< one line: {"id","outcome","status","reason","body"}, without what there is not;
             ///< "body_base64" in place of a body that is not UTF-8
    ack_nak, ///< one byte: 06 for a reply with a status of 200 to 299, 15 for everything else
    hl7, ///< the bytes when they are an HL7 message, which must acknowledge the payload; else an
         ///< acknowledgement made from the payload's MSH. A payload without an MSH is refused
         ///< with `bad_encoding`
};

/// Everything a `gateway` needs to know. An aggregate: set what differs, then pass it on; the
/// gateway validates it once.
///
/// Sizes are bytes. Times carry their unit in the type. Each time is above zero and at most a year,
/// unless its field says otherwise.
struct gateway_config {
    /// Where clients connect. At least one address, and none twice. Port 0 takes any free port.
    std::vector<socket_address> listen;

    /// Where a payload ends. `eof`: with the client's FIN, one payload a connection. Every other
    /// kind makes a connection carry payloads one after another, each with an exchange of its own,
    /// and answers in the same order. Frames that came early wait in the kernel.
    ///
    /// A connection goes on after a reply. After a refusal it goes on when the whole frame was read
    /// and `on_refusal` is `line`. `idle` does not go together with `stream_above`.
    frame_spec frame;
    /// What becomes of a frame that the FIN cuts.
    finpost::tail_policy frame_tail = finpost::tail_policy::automatic;
    /// What a reply and a refusal are wrapped in; `eof` is nothing. Without a value: the same as
    /// `frame`, and nothing where that is `eof`, `fixed` or `idle`. A reply that its frame cannot
    /// carry is refused with `reply_unframeable`; where not even the refusal can be carried, the
    /// connection is reset.
    std::optional<frame_spec> reply_frame;
    /// The form of replies and refusals, before they are framed. Every form but `body` goes
    /// together with `encode` at its default only, and `hl7` not with `stream_above`.
    finpost::reply_format reply_format = finpost::reply_format::body;
    /// A form of one's own in its place: bytes, `\n`, `\r`, `\t`, `\\`, `\xHH`, and fields in
    /// braces: {body}, {status}, {outcome}, {request.id}, {peer.ip}, {peer.port}, {local.port},
    /// {payload.bytes}, {tls.peer_name}. Empty: there is none. With frames it must always give a
    /// byte.
    std::string reply_template = {};
    /// The same for refusals: with {reason}, and without {body}.
    std::string refusal_template = {};
    /// The same for receipts, that a payload is stored: without {reason} and {body}.
    std::string receipt_template = {};
    /// Exchanges on one connection. The gateway ends it after so many. 0: no limit.
    std::size_t max_exchanges = 0;
    /// The longest pause before a frame. Then the gateway ends the connection, which is no error.
    /// Not for `eof`.
    duration between{300'000};
    /// After how much silence the kernel asks whether a client is still there, so that one that has
    /// gone without a word does not hold its connection. Not for `eof`. Nothing: never.
    std::optional<duration> tcp_keepalive = duration(120'000);

    /// What a payload is decoded from before the handler sees it.
    codec decode = codec::none;
    /// How strictly Base64 is read. What is written is the standard alphabet with its padding.
    finpost::base64::rules base64 = {};
    /// What is cut from a payload's end before it is decoded. Cut bytes count in `max_payload`.
    /// When nothing is left, the exchange is refused with `empty`.
    trimming trim = trimming::none;
    /// What the handler's bytes are encoded to before the client gets them.
    codec encode = codec::none;

    /// The largest payload in bytes, before decoding: above zero, at most 64 TiB. One byte more is
    /// refused with `too_large`.
    std::uint64_t max_payload = 16u << 20;
    /// Once more bytes than this have come without the payload's end, the exchange goes to the
    /// group's `streaming_handler` while the client is still sending. `max_payload` holds as
    /// before. A reply that is framed, or has a form or template, is collected and written when it
    /// is whole. Nothing: every payload is accumulated. 0: every payload is streamed whose first
    /// byte comes before its EOF. A value of `max_payload` or above has no effect. A group without
    /// a `streaming_handler` must leave it at nothing.
    std::optional<std::uint64_t> stream_above;
    /// The bytes of all payloads and replies held in memory at once. Above it, reading pauses. At
    /// least `max_payload`, or `stream_above` and 1 MiB where payloads are streamed; at most
    /// 64 TiB.
    std::uint64_t max_buffered = 1u << 30;
    /// The bytes a payload or a reply may hold in memory: at most 64 TiB. One that grows beyond it
    /// goes on in an unlinked file. A reply also goes there when `max_buffered` is used up. 0: all
    /// of it stays in memory.
    ///
    /// Bytes in files do not count in `max_buffered`. The disk holds at most `max_payload` and
    /// `max_reply` for each of `max_connections`. Where it takes no more, that exchange alone is
    /// refused with `spill_failed`.
    std::uint64_t spill_above = 4u << 20;
    /// The directory of these files, which must take a file unless `spill_above` is 0. Empty:
    /// $TMPDIR, or /tmp without one. On a tmpfs the files are memory.
    std::string spill_dir = {};

    /// Connections held at once: at least 1. More wait in the kernel's backlog.
    std::size_t max_connections = 10'000;
    /// Connections held at once from one address. One more is refused with `busy`. 0: no limit.
    std::size_t max_per_source = 0;
    /// Connections accepted in a second, over all listeners. More wait in the backlog. 0: no limit.
    std::size_t accept_rate = 0;
    /// The addresses that may connect. Empty: all of them. A client of any other address is
    /// `denied` before a byte is read: it is reset, or closed without a word where `on_refusal` is
    /// `close`.
    std::vector<network> allow;
    /// The addresses that may not connect, also where `allow` has them. Empty: none.
    std::vector<network> deny;
    /// The slowest upload tolerated, in bytes a second. An upload is judged from 5 s after its
    /// connection was accepted; a slower one is refused with `too_slow`. The client's reading of a
    /// reply is judged from 5 s after the kernel's buffers were full; a slower client is reset.
    /// 0: no limit.
    std::uint64_t min_rate = 0;

    /// TLS for every listener. All of it at its default: plain TCP. Otherwise `cert` is needed.
    /// `ca` judges the clients' certificates, and has to be empty while `client_auth` is `off`.
    /// `server_name` and `verify` are a client's, and stay at their defaults here. Problems name
    /// "tls_cert", "tls_key", "tls_client_ca", "tls_client_auth", "tls_server_name" and
    /// "tls_verify".
    ///
    /// A client's end is its close_notify then (RFC 8446 §6.1). A FIN without one is refused with
    /// `tls_truncated`.
    tls_options tls;
    /// The longest time for a handshake. It begins with the connection, or with the end of its
    /// PROXY header. A handshake that takes longer is `tls_handshake`, without a word to the
    /// client.
    duration tls_handshake{5'000};
    /// Connections at once that are in their handshake or PROXY header: at least 1. More wait in
    /// the kernel's backlog. So clients who begin and never go on cannot take all of
    /// `max_connections`.
    std::size_t max_handshakes = 1'000;
    /// Proxies: these peers must send a PROXY header, version 1 or 2, before everything else. From
    /// any other peer such a header is payload. Empty: nobody is a proxy.
    ///
    /// The address in the header counts for `allow`, `deny` and `max_per_source`, in the log and
    /// for the handler. A bad header is refused with `proxy_protocol`.
    std::vector<network> proxy_protocol_from;
    /// The longest time for that header.
    duration proxy_protocol{5'000};

    /// The longest pause between two reads of a payload; a longer one is refused with
    /// `receive_timeout`.
    duration receive_idle{10'000};
    /// The longest time to a payload's EOF, from the accept or the end of a handshake; a longer one
    /// is refused with `receive_timeout`.
    duration receive_total{60'000};
    /// The longest time for writing the reply. After it the connection is reset.
    duration reply_total{30'000};
    /// How long the input of a client that is still sending is drained after a refusal, so that the
    /// client gets to read the refusal (RFC 9112 §9.6).
    duration lingering_close{2'000};

    /// What a refused client gets.
    refusal_style on_refusal = refusal_style::line;
    /// What becomes of HTTP requests and TLS ClientHellos in place of payloads.
    foreign_policy foreign = foreign_policy::forward;
    /// What becomes of an exchange whose client has reset the connection.
    client_reset_policy on_client_reset = client_reset_policy::finish;
    /// Which exchanges get an access line.
    finpost::access_log access_log = finpost::access_log::all;

    /// The share of exchanges that are marked as sampled: 0 to 1. `traceparent` says so to the
    /// upstream, and the access line has their `trace_id`. 0: none.
    double trace_sampled = 0;

    friend bool operator==(const gateway_config&, const gateway_config&) = default;
};

/// Where spilled payloads go unless `spill_dir` says: $TMPDIR, or /tmp without one.
FINPOST_EXPORT std::string default_spill_directory();

/// Every problem of a configuration, in the order of its fields; empty when it is good. It reads
/// the files that `tls` names, and makes a file in the directory for spilling, where that is on.
FINPOST_EXPORT std::vector<config_problem> validate(const gateway_config& config);

} // namespace finpost
