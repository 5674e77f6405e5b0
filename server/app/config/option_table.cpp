#include "config/option_table.hpp"

#include <algorithm>
#include <array>

namespace finpost {

namespace {

using kind::word;
using gw = gateway_config;
using up = upstream_config;
using later = upstream_delivery;

constexpr std::array deliveries{word{"relay", delivery_mode::relay},
                                word{"queue", delivery_mode::queue},
                                word{"fallback", delivery_mode::fallback}};
constexpr std::array orders{word{"none", delivery_order::none},
                            word{"source", delivery_order::source}};
constexpr std::array keys{word{"id", idempotency_key::id}, word{"sha256", idempotency_key::sha256}};
constexpr std::array codecs{word{"none", codec::none}, word{"base64", codec::base64}};
constexpr std::array alphabets{word{"standard", base64::alphabet::standard},
                               word{"url", base64::alphabet::url}};
constexpr std::array whitespace{word{"refuse", false}, word{"allow", true}};
constexpr std::array trimmings{word{"none", trimming::none}, word{"nul", trimming::nul},
                               word{"space", trimming::space}};
constexpr std::array tails{word{"accept", tail_policy::accept},
                           word{"refuse", tail_policy::refuse}};
constexpr std::array reply_formats{
    word{"body", reply_format::body}, word{"status", reply_format::status},
    word{"json", reply_format::json}, word{"ack-nak", reply_format::ack_nak},
    word{"hl7", reply_format::hl7}};
constexpr std::array refusals{word{"line", refusal_style::line},
                              word{"close", refusal_style::close},
                              word{"reset", refusal_style::reset}};
constexpr std::array foreign_policies{word{"forward", foreign_policy::forward},
                                      word{"probe", foreign_policy::probe},
                                      word{"refuse", foreign_policy::refuse}};
constexpr std::array statuses{word{"refuse", status_policy::refuse},
                              word{"relay", status_policy::relay}};
constexpr std::array resets{word{"finish", client_reset_policy::finish},
                            word{"cancel", client_reset_policy::cancel}};
constexpr std::array formats{word{"text", log_format::text}, word{"json", log_format::json}};
constexpr std::array access_logs{word{"off", access_log::off}, word{"refused", access_log::refused},
                                 word{"all", access_log::all}};

// A new option is a field with its default in a structure, and a row here: its flag, its value as
// `--help` shows it, its meaning, and its field with the kind of its values (option_kinds.hpp).
constexpr std::array rows{
    option_row{"--listen", "HOST:PORT",
               "where clients connect: an IPv4 address or [IPv6], or nothing before the colon for "
               "all of both; port 0 takes any free port and the log names it",
               field<kind::listen_address, &gw::listen>},
    option_row{
        "--upstream", "URL",
        "the HTTP service: http[s]://HOST[:PORT][/PATH]; several are endpoints of one service",
        field<kind::url, &up::endpoints>}
        .default_is("none")
        .in_tables("endpoints"),
    option_row{"--demo", "", "a built-in HTTP echo service on loopback is the upstream",
               field<kind::on_off, &daemon_config::demo>},
    option_row{"--frame", "SPEC",
               "where a payload ends: eof (the client's half-close), line, delimiter:HEX, "
               "stx-etx[,lrc|,sum], mllp, length:u8|u16be|u16le|u32be|u32le[,inclusive], "
               "length:ascii:N, netstring, fixed:N or idle:D; with all but eof a connection "
               "carries one payload after another",
               field<kind::parsed_by<parse_frame_spec>, &gw::frame>},
    option_row{
        "--frame-tail", "accept|refuse",
        "what becomes of a frame that the client's half-close cuts; by --frame: accept with line "
        "and delimiter, else refuse",
        field<kind::word_of<tails>, &gw::frame_tail>}
        .default_is("by --frame"),
    option_row{"--reply-frame", "SPEC|same|none",
               "what a reply is wrapped in; same is none with eof, fixed and idle",
               field<kind::reply_frame, &gw::reply_frame>},
    option_row{"--reply-format", "FORM",
               "of replies and refusals: body (as it is), status (a line before it), json, ack-nak "
               "(one byte, 06 or 15) or hl7 (an acknowledgement)",
               field<kind::word_of<reply_formats>, &gw::reply_format>},
    option_row{
        "--reply-template", "TEXT",
        "a form of one's own for replies: bytes, \\n \\r \\t \\\\ \\xHH, and {body}, {status}, "
        "{request.id} and what --path may name",
        field<kind::plain, &gw::reply_template>}
        .default_is("none"),
    option_row{"--refusal-template", "TEXT", "the same for refusals, with {reason}",
               field<kind::plain, &gw::refusal_template>}
        .default_is("none"),
    option_row{"--receipt-template", "TEXT", "the same for receipts, that a payload is stored",
               field<kind::plain, &gw::receipt_template>}
        .default_is("none"),
    option_row{"--delivery", "relay|queue|fallback",
               "queue: a payload is stored, its client has a receipt, the service has it later; "
               "fallback: only when the service does not answer",
               field<kind::word_of<deliveries>, &listener_delivery::mode>},
    option_row{"--queue-dir", "DIR", "the queue: a directory of this machine for it alone",
               field<kind::directory, &queue_settings::directory>}
        .default_is("none")
        .needs_restart(),
    option_row{"--queue-database", "URL",
               "the queue, instead: a PostgreSQL that several gateways share: "
               "postgresql://USER@HOST[,HOST...]/DATABASE and what libpq knows, without a password",
               field<kind::database, &queue_settings::database>}
        .default_is("none")
        .needs_restart(),
    option_row{"--queue-password-file", "FILE", "the password for --queue-database",
               field<kind::file, &queue_settings::password_file>}
        .default_is("none")
        .needs_restart(),
    option_row{"--queue-database-unsafe", "",
               "a database is used though its settings let stored payloads be lost",
               field<kind::on_off, &queue_settings::database_unsafe>}
        .needs_restart(),
    option_row{"--queue-max", "SIZE", "what is stored at most; above it queue_full",
               field<kind::size, &queue_settings::max_bytes>}
        .needs_restart(),
    option_row{"--queue-timeout", "D", "the longest that a client waits for its receipt",
               field<kind::time, &queue_settings::timeout>},
    option_row{"--retry-first", "D", "the pause after a delivery that failed; it doubles",
               field<kind::time, &later::queue, &delivery_config::retry_first>},
    option_row{"--retry-most", "D", "the longest pause between two deliveries of a payload",
               field<kind::time, &later::queue, &delivery_config::retry_most>},
    option_row{"--retry-for", "D", "a payload that waits for longer becomes a dead letter",
               field<kind::time, &later::queue, &delivery_config::retry_for>},
    option_row{"--deliveries", "N", "deliveries from the queue at once",
               field<kind::count, &later::queue, &delivery_config::deliveries>},
    option_row{"--delivery-order", "none|source",
               "source: payloads of one client address are delivered one after another",
               field<kind::word_of<orders>, &later::order>}
        .needs_restart(),
    option_row{"--idempotency-key", "id|sha256",
               "of a payload in the queue; sha256: of its bytes, so that two equal payloads are "
               "one event",
               field<kind::word_of<keys>, &later::key>},
    option_row{"--max-exchanges", "N", "exchanges on one connection, which is ended then",
               field<kind::count_or_off, &gw::max_exchanges>},
    option_row{"--between", "D", "the longest pause before a frame; then the connection is ended",
               field<kind::time, &gw::between>},
    option_row{"--tcp-keepalive", "D|off",
               "with frames: the silence after which the kernel asks whether the client is there",
               field<kind::time_or_off, &gw::tcp_keepalive>},
    option_row{"--decode", "none|base64",
               "what a payload is decoded from before it becomes the HTTP body",
               field<kind::word_of<codecs>, &gw::decode>},
    option_row{"--encode", "none|base64",
               "what the HTTP response body is encoded to before it is the reply",
               field<kind::word_of<codecs>, &gw::encode>},
    option_row{
        "--base64", "standard|url",
        "the alphabet of --decode: url has - and _ for + and /, and its padding may be missing",
        field<kind::word_of<alphabets>, &gw::base64, &base64::rules::letters>},
    option_row{"--base64-whitespace", "refuse|allow",
               "whether spaces, tabs and line ends may stand anywhere in Base64",
               field<kind::word_of<whitespace>, &gw::base64, &base64::rules::whitespace>},
    option_row{"--trim", "none|nul|space",
               "what is cut from a payload's end before it is decoded: zero bytes, or white space",
               field<kind::word_of<trimmings>, &gw::trim>},
    option_row{"--content-type", "TYPE", "the Content-Type of the request",
               field<kind::plain, &up::content_type>},
    option_row{"--method", "METHOD",
               "the request's method: POST, PUT, PATCH, DELETE, QUERY, REPORT or SEARCH",
               field<kind::plain, &up::method>},
    option_row{"--path", "PATH",
               "the request's path and query; {peer.ip}, {peer.port}, {local.port}, {request.id}, "
               "{payload.bytes} and {tls.peer_name} stand for what the exchange has there, {{ and "
               "}} for braces",
               field<kind::request_path, &up::path>}
        .default_is("that of the URL"),
    option_row{"--header", "NAME:VALUE",
               "one more header field of the request; its value may name what --path may, and "
               "{file:PATH} and {env:NAME} stand for what is read there (in the variable, no "
               "value has a comma)",
               field<kind::header, &up::headers>}
        .default_is("none")
        .in_tables("headers"),
    option_row{"--max-payload", "SIZE", "the largest payload, before decoding",
               field<kind::size, &gw::max_payload>},
    option_row{"--max-reply", "SIZE", "the largest HTTP response body",
               field<kind::size, &up::max_reply>},
    option_row{"--stream-above", "SIZE|off",
               "beyond it the POST starts, in chunks, while the client is still sending, and the "
               "reply streams, unless it is framed",
               field<kind::threshold, &gw::stream_above>},
    option_row{"--max-buffered", "SIZE",
               "all payloads and replies held at once; above it, reading pauses",
               field<kind::size, &gw::max_buffered>}
        .of_the_process(),
    option_row{"--spill-above", "SIZE|off",
               "what a payload or reply may hold in memory; beyond it goes to an unlinked file",
               field<kind::spill_threshold, &gw::spill_above>},
    option_row{"--spill-dir", "DIR", "the directory of these files; on a tmpfs they are memory",
               field<kind::directory, &gw::spill_dir>}
        .default_is("$TMPDIR, else /tmp"),
    option_row{"--max-connections", "N", "clients held at once; more wait in the kernel's backlog",
               field<kind::count, &gw::max_connections>},
    option_row{"--max-per-source", "N", "clients held at once from one address; more are refused",
               field<kind::count_or_off, &gw::max_per_source>},
    option_row{"--accept-rate", "N", "clients accepted a second; more wait in the kernel's backlog",
               field<kind::count_or_off, &gw::accept_rate>},
    option_row{"--allow", "CIDR", "who may connect: an address or ADDRESS/BITS; nobody else then",
               field<kind::network_block, &gw::allow>}
        .default_is("all"),
    option_row{"--deny", "CIDR", "who may not connect, even where --allow lets them",
               field<kind::network_block, &gw::deny>}
        .default_is("none"),
    option_row{"--tls-cert", "FILE",
               "TLS on the listeners: the certificate, then its intermediates, as PEM",
               field<kind::file, &gw::tls, &tls_options::cert>}
        .default_is("off"),
    option_row{"--tls-key", "FILE", "the private key of --tls-cert, without a passphrase",
               field<kind::file, &gw::tls, &tls_options::key>}
        .default_is("in --tls-cert"),
    option_row{"--tls-client-ca", "FILE",
               "whose certificates of clients are valid; a revocation list in it is obeyed",
               field<kind::file, &gw::tls, &tls_options::ca>}
        .default_is("none"),
    option_row{"--tls-client-auth", "off|optional|required",
               "whether a client is asked for a certificate, and must have one",
               field<kind::parsed_by<parse_tls_client_auth>, &gw::tls, &tls_options::client_auth>},
    option_row{"--tls-handshake", "D", "the longest time for a client's TLS handshake",
               field<kind::time, &gw::tls_handshake>},
    option_row{
        "--max-handshakes", "N",
        "clients at once in their TLS handshake or PROXY header; more wait in the kernel's backlog",
        field<kind::count, &gw::max_handshakes>},
    option_row{"--proxy-protocol-from", "CIDR",
               "proxies: who must send a PROXY header, version 1 or 2, before everything else",
               field<kind::network_block, &gw::proxy_protocol_from>}
        .default_is("none"),
    option_row{"--min-rate", "SIZE",
               "the slowest upload tolerated after 5 s, in bytes a second; also the slowest "
               "reading of a reply",
               field<kind::rate, &gw::min_rate>},
    option_row{"--receive-idle", "D", "the longest pause while a payload is received",
               field<kind::time, &gw::receive_idle>},
    option_row{"--receive-total", "D", "the longest time until a payload is complete",
               field<kind::time, &gw::receive_total>},
    option_row{
        "--upstream-ca", "FILE",
        "whose certificates of https:// endpoints are valid; a revocation list in it is obeyed",
        field<kind::file, &up::tls, &tls_options::ca>}
        .default_is("the system's"),
    option_row{"--upstream-cert", "FILE",
               "the certificate that is shown to an upstream which asks for one, as PEM",
               field<kind::file, &up::tls, &tls_options::cert>}
        .default_is("none"),
    option_row{"--upstream-key", "FILE", "the private key of --upstream-cert, without a passphrase",
               field<kind::file, &up::tls, &tls_options::key>}
        .default_is("in --upstream-cert"),
    option_row{"--upstream-server-name", "NAME",
               "the name that certificates of https:// endpoints must have",
               field<kind::plain, &up::tls, &tls_options::server_name>}
        .default_is("the URL's host"),
    option_row{"--upstream-insecure", "",
               "https:// endpoints are believed whoever they are: for tests; each start says so in "
               "the log",
               field<kind::opposite, &up::tls, &tls_options::verify>},
    option_row{"--upstream-connect", "D", "the longest time to get a connection to the upstream",
               field<kind::time, &up::connect>}
        .named("connect"),
    option_row{"--upstream-total", "D",
               "the longest time until the upstream's response is complete",
               field<kind::time, &up::total>}
        .named("total"),
    option_row{"--upstream-keep-alive", "D",
               "how long an idle connection to the upstream is kept: less than the upstream does",
               field<kind::time, &up::keep_alive>}
        .named("keep_alive"),
    option_row{"--resolve-every", "D",
               "how often the host names of the upstream are looked up again",
               field<kind::time, &up::resolve_every>},
    option_row{"--health-path", "PATH|off",
               "what a health check asks each endpoint for; a status of 200 to 299 is well; off: "
               "one that was never reached, or has failed last, is only connected to",
               field<kind::health_path, &up::health_path>},
    option_row{"--health-every", "D", "the time from one health check of an endpoint to the next",
               field<kind::time, &up::health_every>},
    option_row{"--health-timeout", "D", "the longest time a health check takes",
               field<kind::time, &up::health_timeout>},
    option_row{"--reply-total", "D", "the longest time for writing the reply",
               field<kind::time, &gw::reply_total>},
    option_row{"--on-refusal", "line|close|reset",
               "what a client gets when there is no answer to relay",
               field<kind::word_of<refusals>, &gw::on_refusal>},
    option_row{"--foreign", "forward|probe|refuse",
               "what becomes of payloads that are an HTTP request or a TLS ClientHello; probe: a "
               "GET or HEAD gets a 200 of the gateway's own",
               field<kind::word_of<foreign_policies>, &gw::foreign>},
    option_row{"--on-status", "refuse|relay",
               "what a response with a status outside 200 to 299 becomes",
               field<kind::word_of<statuses>, &up::on_status>},
    option_row{"--on-client-reset", "finish|cancel",
               "what becomes of an exchange whose client resets while the upstream works",
               field<kind::word_of<resets>, &gw::on_client_reset>},
    option_row{"--threads", "N", "event loops, each with a thread of its own",
               field<kind::threads, &daemon_config::threads>}
        .default_is("one a core")
        .needs_restart(),
    option_row{"--admin", "HOST:PORT|off",
               "where /healthz, /readyz, /metrics and /sessions are served",
               field<kind::address_or_off, &daemon_config::admin>}
        .needs_restart(),
    option_row{"--drain", "D", "at a stop, the time exchanges in flight get to finish",
               field<kind::time_or_zero, &daemon_config::drain>},
    option_row{"--drain-delay", "D",
               "at a stop, the time between the readiness flip and closing the acceptors",
               field<kind::time_or_zero, &daemon_config::drain_delay>},
    option_row{"--reload-every", "D|off",
               "how often the configuration file, certificates, and files that header fields refer "
               "to are looked at; a change is a reload, as SIGHUP is",
               field<kind::look_interval, &daemon_config::reload_every>},
    option_row{"--log-level", "LEVEL", "trace, debug, info, warning, error or off",
               field<kind::parsed_by<parse_log_level>, &log_config::level>}
        .needs_restart(),
    option_row{"--log-format", "text|json", "how a log line is written",
               field<kind::word_of<formats>, &log_config::format>}
        .default_is("text on a terminal, else json")
        .needs_restart(),
    option_row{"--log-file", "FILE", "where the log is appended; SIGUSR1 opens it again",
               field<kind::file, &log_config::file>}
        .default_is("standard error")
        .needs_restart(),
    option_row{"--access-log", "off|refused|all", "which exchanges get a line in the log",
               field<kind::word_of<access_logs>, &gw::access_log>},
    option_row{"--trace-sampled", "RATIO|off",
               "the share of exchanges, 0 to 1, whose traceparent says that they are sampled and "
               "whose access line has a trace_id",
               field<kind::share, &gw::trace_sampled>},
};

} // namespace

std::span<const option_row> option_table() { return rows; }

const option_row& row_of(std::string_view flag) {
    return *std::find_if(rows.begin(), rows.end(),
                         [&](const option_row& row) { return row.flag == flag; });
}

std::string option_row::key() const {
    std::string name(flag.substr(2));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

std::string option_row::table_key() const {
    return in_table.empty() ? key() : std::string(in_table);
}

std::string option_row::environment() const {
    std::string name = "FINPOST_" + key();
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return name;
}

std::vector<std::string> option_row::default_texts() const { return field.texts(daemon_config()); }

std::string flag_of(std::string_view field) {
    for (const option_row& row : rows)
        if (row.field_name == field) return std::string(row.flag);
    // Some fields are no options.
    std::string flag = "--" + std::string(field);
    std::replace(flag.begin(), flag.end(), '_', '-');
    return flag;
}

} // namespace finpost
