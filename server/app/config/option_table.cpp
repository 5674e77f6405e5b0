#include "config/option_table.hpp"

#include "finpost/quoted.hpp"
#include "finpost/suggestion.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace finpost {

namespace {

using text = std::string_view;

parsed<std::size_t> parse_count(text from) {
    std::size_t count = 0;
    const auto [end, ec] = std::from_chars(from.data(), from.data() + from.size(), count);
    if (ec != std::errc{} || end != from.data() + from.size())
        return parse_error{quoted(from) + " is not a whole number"};
    return count;
}

parsed<std::size_t> parse_threads(text from) {
    const auto count = parse_count(from);
    if (count && (*count == 0 || *count > 1024))
        return parse_error{quoted(from) + " is not a number of threads: expected 1 to 1024"};
    return count;
}

// A limit that is off by default says so with the same word, or with 0.
parsed<std::size_t> parse_limit(text from) {
    if (from == "off") return std::size_t{0};
    const auto count = parse_count(from);
    if (!count) return parse_error{count.error().message + ": expected one, or off"};
    return count;
}

parsed<std::uint64_t> parse_rate(text from) {
    if (from == "off") return std::uint64_t{0};
    return parse_size(from);
}

parsed<std::optional<std::uint64_t>> parse_threshold(text from) {
    if (from == "off") return std::optional<std::uint64_t>();
    const auto size = parse_size(from);
    if (!size) return parse_error{size.error().message + ", or off"};
    return std::optional(*size);
}

parsed<std::uint64_t> parse_spill_above(text from) {
    const auto size = parse_threshold(from);
    if (!size) return size.error();
    if (*size == 0u)
        return parse_error{"must be above zero, or off: a file for every payload is of no use"};
    return size->value_or(0);
}

parsed<double> parse_share(text from) {
    if (from == "off") return 0.0;
    double share = 0;
    const char* const last = from.data() + from.size();
    const auto [end, ec] = std::from_chars(from.data(), last, share, std::chars_format::fixed);
    if (ec != std::errc{} || end != last || !(share >= 0 && share <= 1))
        return parse_error{quoted(from) + " is not a share: expected 0 to 1, such as 0.05, or off"};
    return share;
}

parsed<std::string> as_it_is(text from) { return {boost::system::in_place_value, from}; }

// A file can say NUL, and the system would take it for the name's end.
bool has_nul(text from) { return from.find('\0') != from.npos; }

parsed<std::string> parse_path(text from) {
    if (from.empty()) return parse_error{"the name of a file is needed"};
    if (has_nul(from)) return parse_error{quoted(from) + " is no name of a file: it holds a NUL"};
    return as_it_is(from);
}

parsed<std::string> parse_directory(text from) {
    if (from.empty()) return parse_error{"the name of a directory is needed"};
    if (has_nul(from))
        return parse_error{quoted(from) + " is no name of a directory: it holds a NUL"};
    return as_it_is(from);
}

parsed<std::string> parse_health_path(text from) {
    if (from.empty()) return parse_error{"a path is needed, or off"};
    return as_it_is(from == "off" ? text() : from);
}

parsed<std::string> parse_own_path(text from) {
    if (from.empty()) return parse_error{"a path is needed, such as /devices/{peer.ip}"};
    return as_it_is(from);
}

parsed<http_header> parse_header(text from) {
    const std::size_t colon = from.find(':');
    // Without a colon what follows the first word may be a secret.
    if (colon == from.npos)
        return parse_error{quoted(from.substr(0, from.find_first_of(" ="))) +
                           " has no colon: expected NAME: VALUE"};
    text value = from.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return http_header{std::string(from.substr(0, colon)), std::string(value)};
}

// Several URLs in one text are several only in a variable; a comma alone may stand in a path.
parsed<http_url> parse_upstream(text from) {
    const std::string all(from);
    if (all.find(",http://") != all.npos || all.find(",https://") != all.npos)
        return parse_error{quoted(masked_url(from)) + " is more than one URL"};
    return parse_http_url(from);
}

// Without a host it is every address of this machine, of both families.
bool is_every_host(text from) { return from.starts_with(':') || from.starts_with("*:"); }

parsed<std::vector<socket_address>> parse_listen(text from) {
    std::vector<socket_address> all;
    const std::string port(from.substr(std::min(from.find(':'), from.size())));
    const std::string hosts[] = {is_every_host(from) ? "0.0.0.0" + port : std::string(from),
                                 "[::]" + port};
    for (const std::string& one : std::span(hosts).first(is_every_host(from) ? 2 : 1)) {
        const auto address = parse_socket_address(one);
        if (!address) return address.error();
        all.push_back(*address);
    }
    return all;
}

parsed<std::optional<socket_address>> parse_admin(text from) {
    if (from == "off") return std::optional<socket_address>();
    if (is_every_host(from)) {
        const std::string port = printable(from.substr(from.find(':')));
        return parse_error{quoted(from) + " has no host: expected one address, such as 0.0.0.0" +
                           port + " or [::]" + port};
    }
    const auto address = parse_socket_address(from);
    if (!address) return parse_error{address.error().message + ", or off"};
    return std::optional(*address);
}

parsed<bool> parse_switch(text from) {
    for (const text yes : {"true", "on", "yes", "1"})
        if (from == yes) return true;
    for (const text no : {"false", "off", "no", "0"})
        if (from == no) return false;
    return parse_error{quoted(from) + " is neither on nor off" +
                       suggestion(from, {"true", "false", "on", "off", "yes", "no"})};
}

parsed<log_level> parse_level(text from) {
    log_level level{};
    if (from_string(from, level)) return level;
    return parse_error{quoted(from) + ": expected trace, debug, info, warning, error or off" +
                       suggestion(from, {"trace", "debug", "info", "warning", "error", "off"})};
}

template <class Value, std::size_t N>
parsed<Value> one_of(text from, const std::pair<text, Value> (&choices)[N]) {
    std::string words;
    std::vector<std::string> all;
    for (std::size_t i = 0; i < N; ++i) {
        if (choices[i].first == from) return choices[i].second;
        all.emplace_back(choices[i].first);
        if (i > 0) words += i + 1 == N ? " or " : ", ";
        words += choices[i].first;
    }
    return parse_error{quoted(from) + ": expected " + words + suggestion(from, all)};
}

parsed<codec> parse_codec(text from) {
    return one_of<codec>(from, {{"none", codec::none}, {"base64", codec::base64}});
}

parsed<base64::alphabet> parse_alphabet(text from) {
    return one_of<base64::alphabet>(
        from, {{"standard", base64::alphabet::standard}, {"url", base64::alphabet::url}});
}

parsed<bool> parse_whitespace(text from) {
    return one_of<bool>(from, {{"refuse", false}, {"allow", true}});
}

parsed<trimming> parse_trim(text from) {
    return one_of<trimming>(
        from, {{"none", trimming::none}, {"nul", trimming::nul}, {"space", trimming::space}});
}

parsed<refusal_style> parse_refusal(text from) {
    return one_of<refusal_style>(from, {{"line", refusal_style::line},
                                        {"close", refusal_style::close},
                                        {"reset", refusal_style::reset}});
}

parsed<foreign_policy> parse_foreign(text from) {
    return one_of<foreign_policy>(from, {{"forward", foreign_policy::forward},
                                         {"probe", foreign_policy::probe},
                                         {"refuse", foreign_policy::refuse}});
}

parsed<status_policy> parse_status(text from) {
    return one_of<status_policy>(
        from, {{"refuse", status_policy::refuse}, {"relay", status_policy::relay}});
}

parsed<client_reset_policy> parse_reset(text from) {
    return one_of<client_reset_policy>(
        from, {{"finish", client_reset_policy::finish}, {"cancel", client_reset_policy::cancel}});
}

parsed<access_log> parse_access_log(text from) {
    return one_of<access_log>(
        from,
        {{"off", access_log::off}, {"refused", access_log::refused}, {"all", access_log::all}});
}

// `--upstream-insecure` is the opposite of `verify`.
parsed<bool> parse_insecure(text from) {
    const auto insecure = parse_switch(from);
    if (!insecure) return insecure.error();
    return !*insecure;
}

parsed<tls_client_auth> parse_client_auth(text from) {
    tls_client_auth read{};
    if (from_string(from, read)) return read;
    return parse_error{quoted(from) + ": expected off, optional or required" +
                       suggestion(from, {"off", "optional", "required"})};
}

parsed<log_format> parse_format(text from) {
    return one_of<log_format>(from, {{"text", log_format::text}, {"json", log_format::json}});
}

// The part of the daemon's configuration that a member belongs to.
template <class Part, class Value>
Value& member(daemon_config& all, Value Part::*which) {
    if constexpr (std::is_same_v<Part, gateway_config>)
        return all.gateway.*which;
    else if constexpr (std::is_same_v<Part, upstream_config>)
        return all.upstream.*which;
    else if constexpr (std::is_same_v<Part, log_config>)
        return all.log.*which;
    else
        return all.*which;
}

template <class Part, class Value>
constexpr option_scope scope_of(Value Part::*) {
    if (std::is_same_v<Part, gateway_config>) return option_scope::listener;
    return std::is_same_v<Part, upstream_config> ? option_scope::upstream : option_scope::process;
}

template <auto Member, auto Parse>
std::string set_text(daemon_config& into, text from) {
    auto read = Parse(from);
    if (!read) return read.error().message;
    member(into, Member) = *std::move(read);
    return {};
}

template <auto Member, auto Parse>
std::string add_text(daemon_config& into, text from) {
    auto read = Parse(from);
    if (!read) return read.error().message;
    member(into, Member).push_back(*std::move(read));
    return {};
}

std::string add_listen(daemon_config& into, text from) {
    auto read = parse_listen(from);
    if (!read) return read.error().message;
    into.gateway.listen.insert(into.gateway.listen.end(), read->begin(), read->end());
    return {};
}

template <auto Member, auto Parse>
constexpr option_setter set{set_text<Member, Parse>, scope_of(Member)};

template <auto Member, auto Parse>
constexpr option_setter add{add_text<Member, Parse>, scope_of(Member)};

// A member of a member: what TLS is set up from, for instance.
template <auto Side, auto Member, auto Parse>
std::string set_part_text(daemon_config& into, text from) {
    auto read = Parse(from);
    if (!read) return read.error().message;
    member(into, Side).*Member = *std::move(read);
    return {};
}

template <auto Side, auto Member, auto Parse>
constexpr option_setter set_part{set_part_text<Side, Member, Parse>, scope_of(Side)};

// Memory is the process's, whichever listener the bytes came in by.
constexpr option_setter of_the_process(option_setter setter) {
    setter.scope = option_scope::process;
    return setter;
}

using gw = gateway_config;
using up = upstream_config;

constexpr std::array rows{
    option_row{
        "--listen",
        "HOST:PORT",
        "127.0.0.1:5000",
        "where clients connect: an IPv4 address or [IPv6], or nothing before the colon for all of "
        "both; port 0 takes any free port and the log names it",
        true,
        {add_listen, option_scope::listener}},
    option_row{
        "--upstream", "URL", "none",
        "the HTTP service: http[s]://HOST[:PORT][/PATH]; several are endpoints of one service",
        true, add<&up::endpoints, parse_upstream>, "endpoints"},
    option_row{"--demo", "", "off", "a built-in HTTP echo service on loopback is the upstream",
               false, set<&daemon_config::demo, parse_switch>},
    option_row{"--decode", "none|base64", "none",
               "what a payload is decoded from before it becomes the HTTP body", false,
               set<&gw::decode, parse_codec>},
    option_row{"--encode", "none|base64", "none",
               "what the HTTP response body is encoded to before it is the reply", false,
               set<&gw::encode, parse_codec>},
    option_row{
        "--base64", "standard|url", "standard",
        "the alphabet of --decode: url has - and _ for + and /, and its padding may be missing",
        false, set_part<&gw::base64, &base64::rules::letters, parse_alphabet>},
    option_row{"--base64-whitespace", "refuse|allow", "refuse",
               "whether spaces, tabs and line ends may stand anywhere in Base64", false,
               set_part<&gw::base64, &base64::rules::whitespace, parse_whitespace>},
    option_row{"--trim", "none|nul|space", "none",
               "what is cut from a payload's end before it is decoded: zero bytes, or white space",
               false, set<&gw::trim, parse_trim>},
    option_row{"--content-type", "TYPE", "application/octet-stream",
               "the Content-Type of the request", false, set<&up::content_type, as_it_is>},
    option_row{"--method", "METHOD", "POST",
               "the request's method: POST, PUT, PATCH, DELETE, QUERY, REPORT or SEARCH", false,
               set<&up::method, as_it_is>},
    option_row{"--path", "PATH", "that of the URL",
               "the request's path and query; {peer.ip}, {peer.port}, {local.port}, {request.id}, "
               "{payload.bytes} and {tls.peer_name} stand for what the exchange has there, {{ and "
               "}} for braces",
               false, set<&up::path, parse_own_path>},
    option_row{"--header", "NAME:VALUE", "none",
               "one more header field of the request; its value may name what --path may (in the "
               "variable, no value has a comma)",
               true, add<&up::headers, parse_header>, "headers"},
    option_row{"--max-payload", "SIZE", "16MiB", "the largest payload, before decoding", false,
               set<&gw::max_payload, parse_size>},
    option_row{"--max-reply", "SIZE", "16MiB", "the largest HTTP response body", false,
               set<&up::max_reply, parse_size>},
    option_row{"--stream-above", "SIZE|off", "off",
               "beyond it the POST starts, in chunks, while the client is still sending, and the "
               "reply streams",
               false, set<&gw::stream_above, parse_threshold>},
    option_row{"--max-buffered", "SIZE", "1GiB",
               "all payloads and replies held at once; above it, reading pauses", false,
               of_the_process(set<&gw::max_buffered, parse_size>)},
    option_row{"--spill-above", "SIZE|off", "4MiB",
               "what a payload or reply may hold in memory; beyond it goes to an unlinked file",
               false, set<&gw::spill_above, parse_spill_above>},
    option_row{"--spill-dir", "DIR", "$TMPDIR, else /tmp",
               "the directory of these files; on a tmpfs they are memory", false,
               set<&gw::spill_dir, parse_directory>},
    option_row{"--max-connections", "N", "10000",
               "clients held at once; more wait in the kernel's backlog", false,
               set<&gw::max_connections, parse_count>},
    option_row{"--max-per-source", "N", "off",
               "clients held at once from one address; more are refused", false,
               set<&gw::max_per_source, parse_limit>},
    option_row{"--accept-rate", "N", "off",
               "clients accepted a second; more wait in the kernel's backlog", false,
               set<&gw::accept_rate, parse_limit>},
    option_row{"--allow", "CIDR", "all",
               "who may connect: an address or ADDRESS/BITS; nobody else then", true,
               add<&gw::allow, parse_network>},
    option_row{"--deny", "CIDR", "none", "who may not connect, even where --allow lets them", true,
               add<&gw::deny, parse_network>},
    option_row{"--tls-cert", "FILE", "off",
               "TLS on the listeners: the certificate, then its intermediates, as PEM", false,
               set_part<&gw::tls, &tls_options::cert, parse_path>},
    option_row{"--tls-key", "FILE", "in --tls-cert",
               "the private key of --tls-cert, without a passphrase", false,
               set_part<&gw::tls, &tls_options::key, parse_path>},
    option_row{"--tls-client-ca", "FILE", "none",
               "whose certificates of clients are valid; a revocation list in it is obeyed", false,
               set_part<&gw::tls, &tls_options::ca, parse_path>},
    option_row{"--tls-client-auth", "off|optional|required", "off",
               "whether a client is asked for a certificate, and must have one", false,
               set_part<&gw::tls, &tls_options::client_auth, parse_client_auth>},
    option_row{"--tls-handshake", "D", "5s", "the longest time for a client's TLS handshake", false,
               set<&gw::tls_handshake, parse_duration>},
    option_row{
        "--max-handshakes", "N", "1000",
        "clients at once in their TLS handshake or PROXY header; more wait in the kernel's backlog",
        false, set<&gw::max_handshakes, parse_count>},
    option_row{"--proxy-protocol-from", "CIDR", "none",
               "proxies: who must send a PROXY header, version 1 or 2, before everything else",
               true, add<&gw::proxy_protocol_from, parse_network>},
    option_row{
        "--min-rate", "SIZE", "off",
        "the slowest upload tolerated after 5 s, in bytes a second; also the slowest reading of "
        "a reply",
        false, set<&gw::min_rate, parse_rate>},
    option_row{"--receive-idle", "D", "10s", "the longest pause while a payload is received", false,
               set<&gw::receive_idle, parse_duration>},
    option_row{"--receive-total", "D", "60s", "the longest time until a payload is complete", false,
               set<&gw::receive_total, parse_duration>},
    option_row{
        "--upstream-ca", "FILE", "the system's",
        "whose certificates of https:// endpoints are valid; a revocation list in it is obeyed",
        false, set_part<&up::tls, &tls_options::ca, parse_path>},
    option_row{"--upstream-cert", "FILE", "none",
               "the certificate that is shown to an upstream which asks for one, as PEM", false,
               set_part<&up::tls, &tls_options::cert, parse_path>},
    option_row{"--upstream-key", "FILE", "in --upstream-cert",
               "the private key of --upstream-cert, without a passphrase", false,
               set_part<&up::tls, &tls_options::key, parse_path>},
    option_row{"--upstream-server-name", "NAME", "the URL's host",
               "the name that certificates of https:// endpoints must have", false,
               set_part<&up::tls, &tls_options::server_name, as_it_is>},
    option_row{"--upstream-insecure", "", "off",
               "https:// endpoints are believed whoever they are: for tests; each start says so in "
               "the log",
               false, set_part<&up::tls, &tls_options::verify, parse_insecure>},
    option_row{"--upstream-connect", "D", "3s",
               "the longest time to get a connection to the upstream", false,
               set<&up::connect, parse_duration>},
    option_row{"--upstream-total", "D", "30s",
               "the longest time until the upstream's response is complete", false,
               set<&up::total, parse_duration>},
    option_row{"--upstream-keep-alive", "D", "4s",
               "how long an idle connection to the upstream is kept: less than the upstream does",
               false, set<&up::keep_alive, parse_duration>},
    option_row{"--resolve-every", "D", "30s",
               "how often the host names of the upstream are looked up again", false,
               set<&up::resolve_every, parse_duration>},
    option_row{
        "--health-path", "PATH|off", "off",
        "what a health check asks each endpoint for; a status of 200 to 299 is well; off: one "
        "that was never reached, or has failed last, is only connected to",
        false, set<&up::health_path, parse_health_path>},
    option_row{"--health-every", "D", "5s",
               "the time from one health check of an endpoint to the next", false,
               set<&up::health_every, parse_duration>},
    option_row{"--health-timeout", "D", "2s", "the longest time a health check takes", false,
               set<&up::health_timeout, parse_duration>},
    option_row{"--reply-total", "D", "30s", "the longest time for writing the reply", false,
               set<&gw::reply_total, parse_duration>},
    option_row{"--on-refusal", "line|close|reset", "line",
               "what a client gets when there is no answer to relay", false,
               set<&gw::on_refusal, parse_refusal>},
    option_row{"--foreign", "forward|probe|refuse", "forward",
               "what becomes of payloads that are an HTTP request or a TLS ClientHello; probe: a "
               "GET or HEAD gets "
               "a 200 of the gateway's own",
               false, set<&gw::foreign, parse_foreign>},
    option_row{"--on-status", "refuse|relay", "refuse",
               "what a response with a status outside 200 to 299 becomes", false,
               set<&up::on_status, parse_status>},
    option_row{"--on-client-reset", "finish|cancel", "finish",
               "what becomes of an exchange whose client resets while the upstream works", false,
               set<&gw::on_client_reset, parse_reset>},
    option_row{"--threads", "N", "one a core", "event loops, each with a thread of its own", false,
               set<&daemon_config::threads, parse_threads>},
    option_row{"--admin", "HOST:PORT|off", "127.0.0.1:9180",
               "where /healthz, /readyz, /metrics and /sessions are served", false,
               set<&daemon_config::admin, parse_admin>},
    option_row{"--drain", "D", "30s", "at a stop, the time exchanges in flight get to finish",
               false, set<&daemon_config::drain, parse_duration>},
    option_row{"--drain-delay", "D", "0s",
               "at a stop, the time between the readiness flip and closing the acceptors", false,
               set<&daemon_config::drain_delay, parse_duration>},
    option_row{"--log-level", "LEVEL", "info", "trace, debug, info, warning, error or off", false,
               set<&log_config::level, parse_level>},
    option_row{"--log-format", "text|json", "text on a terminal, else json",
               "how a log line is written", false, set<&log_config::format, parse_format>},
    option_row{"--log-file", "FILE", "standard error",
               "where the log is appended; SIGUSR1 opens it again", false,
               set<&log_config::file, parse_path>},
    option_row{"--access-log", "off|refused|all", "all", "which exchanges get a line in the log",
               false, set<&gw::access_log, parse_access_log>},
    option_row{"--trace-sampled", "RATIO|off", "off",
               "the share of exchanges, 0 to 1, whose traceparent says that they are sampled and "
               "whose access line has a trace_id",
               false, set<&gw::trace_sampled, parse_share>},
};

} // namespace

std::span<const option_row> option_table() { return rows; }

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

std::string flag_of(std::string_view field) {
    // The upstream's fields need no prefix in their own structure.
    if (field == "endpoints") return "--upstream";
    if (field == "headers") return "--header";
    const bool bare = field == "connect" || field == "total" || field == "keep_alive";
    std::string flag = (bare ? "--upstream-" : "--") + std::string(field);
    std::replace(flag.begin(), flag.end(), '_', '-');
    return flag;
}

} // namespace finpost
