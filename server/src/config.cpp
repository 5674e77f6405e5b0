#include "finpost/config.hpp"

#include "net/tls_side.hpp"
#include "upstream/request_template.hpp"

#include "finpost/ascii.hpp"
#include "finpost/quoted.hpp"
#include "finpost/spill_file.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

namespace finpost {

namespace {

// One year: what any limit is below, so that adding it to a time point cannot overflow.
constexpr duration longest = std::chrono::hours(24 * 365);

// Sizes are added and doubled in size_t and ssize_t: far below their end is far enough for anyone.
constexpr std::uint64_t largest = std::uint64_t{1} << 46;

class checker {
public:
    void require(bool good, std::string_view field, std::string message) {
        if (!good) problems_.push_back({std::string(field), std::move(message)});
    }
    void positive(duration value, std::string_view field) {
        require(value > duration::zero() && value <= longest, field,
                "must be above zero and at most a year");
    }
    void add(std::vector<config_problem> found) {
        for (config_problem& one : found) problems_.push_back(std::move(one));
    }
    std::vector<config_problem> done() { return std::move(problems_); }

private:
    std::vector<config_problem> problems_;
};

bool is_field_value(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// In origin form (RFC 9112 §3.2.1); it goes into a request line.
bool is_target(std::string_view text) {
    return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) {
               return c > ' ' && c <= '~' && c != '#';
           });
}

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_token(std::string_view text) { // RFC 9110 §5.6.2
    static constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || others.find(c) != others.npos;
    });
}

std::string lower(std::string text) {
    for (char& c : text) c = ascii_lower(c);
    return text;
}

// What a path and a query may have beside the values of a template (RFC 3986 §3.3, §3.4).
bool is_path_text(std::string_view text) {
    constexpr std::string_view others = "-._~!$&'()*+,;=:@/?{}"; // braces are sent encoded
    const auto hex = [&](std::size_t i) {
        return i < text.size() &&
               std::string_view("0123456789abcdefABCDEF").find(text[i]) < std::string_view::npos;
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' ? hex(i + 1) && hex(i + 2)
                           : is_alphanumeric(text[i]) || others.find(text[i]) != others.npos)
            continue;
        return false;
    }
    return true;
}

void check_method(checker& check, const std::string& method) {
    constexpr std::array<std::string_view, 7> good{"POST",  "PUT",    "PATCH", "DELETE",
                                                   "QUERY", "REPORT", "SEARCH"};
    check.require(std::find(good.begin(), good.end(), method) != good.end(), "method",
                  quoted(method) + " is not a method that carries a payload: expected POST, PUT, "
                                   "PATCH, DELETE, QUERY, REPORT or SEARCH");
}

// Messages are read by more people than secrets are for.
std::string shown(const http_url& url) { return masked_url(to_string(url)); }

void check_path(checker& check, const upstream_config& config) {
    if (config.path.empty()) return;
    const auto pieces = parse_template(config.path);
    if (!pieces) return check.require(false, "path", pieces.error().message);
    const bool good = std::all_of(pieces->begin(), pieces->end(),
                                  [](const template_piece& one) { return is_path_text(one.text); });
    check.require(config.path.starts_with('/') && good && config.path.size() <= 4096, "path",
                  quoted(masked_url(config.path)) +
                      " is not a path: it begins with /, has no # and no space, "
                      "and other characters as %XX, in 4 KiB at the most");
    for (const http_url& url : config.endpoints) {
        check.require(url.target == "/", "path",
                      "takes the place of the path in " + shown(url) + ": give one of the two");
    }
}

void check_headers(checker& check, const std::vector<http_header>& headers) {
    constexpr std::array<std::string_view, 18> own{
        "host",         "content-length",  "content-type",     "user-agent",
        "x-request-id", "forwarded",       "idempotency-key",  "traceparent",
        "connection",   "x-forwarded-for", "keep-alive",       "transfer-encoding",
        "te",           "trailer",         "proxy-connection", "upgrade",
        "expect",       "http2-settings"};
    std::set<std::string> seen;
    std::size_t size = 0;
    for (const auto& [name, value] : headers) {
        const std::string shown = quoted(name);
        const std::string key = lower(name);
        size += name.size() + value.size();
        check.require(is_token(name), "headers", shown + " is not the name of a header");
        check.require(std::find(own.begin(), own.end(), key) == own.end(), "headers",
                      shown + " is written by finpost itself" +
                          (key == "content-type" ? ": see content_type" : ""));
        check.require(seen.insert(key).second, "headers", shown + " is given twice");
        const auto pieces = parse_template(value);
        if (!pieces) check.require(false, "headers", shown + ": " + pieces.error().message);
        check.require(is_field_value(value) && value.front() != ' ' && value.back() != ' ',
                      "headers",
                      shown + ": the value must be printable ASCII, not empty, without "
                              "spaces around it");
    }
    check.require(headers.size() <= 64 && size <= 8192, "headers",
                  "are more than 64, or more than 8 KiB in all");
}

void check_tls(checker& check, const upstream_config& config) {
    const tls_options& tls = config.tls;
    if (!config.endpoints.empty() && config.endpoints.front().scheme == "https")
        return check.add(make_upstream_tls(tls).problems);
    const auto unused = [&](bool given, const char* field) {
        check.require(!given, field, "has no effect without an https:// URL");
    };
    unused(!tls.ca.empty(), "upstream_ca");
    unused(!tls.cert.empty(), "upstream_cert");
    unused(!tls.key.empty(), "upstream_key");
    unused(!tls.server_name.empty(), "upstream_server_name");
    unused(!tls.verify, "upstream_insecure");
}

void check_spilling(checker& check, const gateway_config& config) {
    check.require(config.spill_above <= largest, "spill_above", "must be at most 64 TiB");
    if (config.spill_above == 0) return;
    const std::string dir = config.spill_dir.empty() ? default_spill_directory() : config.spill_dir;
    const auto made = spill_file::create(dir);
    if (made.has_error())
        check.require(false, "spill_dir",
                      "no file can be made in " + quoted(dir) + " (" + made.error().message() +
                          "): name another directory, or set spill_above to off");
}

std::string sum_up(const std::vector<config_problem>& problems) {
    std::string text;
    for (const config_problem& problem : problems) {
        if (!text.empty()) text += "; ";
        text += problem.field + ": " + problem.message;
    }
    return text;
}

} // namespace

std::string default_spill_directory() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): safe as long as the host does not change its variables
    const char* const dir = std::getenv("TMPDIR");
    return dir != nullptr && *dir != '\0' ? dir : "/tmp";
}

config_error::config_error(std::vector<config_problem> problems)
    : std::invalid_argument(sum_up(problems)), problems_(std::move(problems)) {}

std::vector<config_problem> validate(const gateway_config& config) {
    checker check;
    check.require(!config.listen.empty(), "listen", "at least one address is needed");
    for (std::size_t i = 0; i < config.listen.size(); ++i) {
        const socket_address& address = config.listen[i];
        const bool twice =
            address.port() != 0 &&
            std::count(config.listen.begin(),
                       config.listen.begin() + static_cast<std::ptrdiff_t>(i), address) > 0;
        check.require(!twice, "listen", to_string(address) + " is given twice");
    }
    check.require(config.max_payload > 0 && config.max_payload <= largest, "max_payload",
                  "must be above zero and at most 64 TiB");
    const bool streams = config.stream_above && *config.stream_above < config.max_payload;
    // A stream reads on a little before it begins, and then has its buffers.
    const std::uint64_t held = streams ? *config.stream_above + (1 << 20) : config.max_payload;
    check.require(config.max_buffered >= held && config.max_buffered <= largest, "max_buffered",
                  "must be at least " +
                      std::string(streams ? "stream_above and 1 MiB (" : "max_payload (") +
                      format_size(held) + ") and at most 64 TiB");
    check_spilling(check, config);
    check.require(config.max_connections > 0, "max_connections", "must be above zero");
    check.add(make_listener_tls(config.tls).problems);
    check.positive(config.tls_handshake, "tls_handshake");
    check.require(config.max_handshakes > 0, "max_handshakes", "must be above zero");
    check.positive(config.proxy_protocol, "proxy_protocol");
    check.positive(config.receive_idle, "receive_idle");
    check.positive(config.receive_total, "receive_total");
    check.positive(config.reply_total, "reply_total");
    check.positive(config.lingering_close, "lingering_close");
    check.require(config.trace_sampled >= 0 && config.trace_sampled <= 1, "trace_sampled",
                  "must be a share between 0 and 1");
    return check.done();
}

std::vector<config_problem> validate(const upstream_config& config) {
    checker check;
    check.require(!config.endpoints.empty(), "endpoints", "at least one URL is needed");
    check.require(config.endpoints.size() <= 64, "endpoints", "at most 64 URLs");
    for (const http_url& url : config.endpoints) {
        const std::string wrong = wrong_address(url.host);
        check.require(wrong.empty(), "endpoints", shown(url) + ": the host " + wrong);
        check.require(url.scheme == config.endpoints.front().scheme, "endpoints",
                      shown(url) + ": endpoints of one upstream are all http:// or all https://");
        check.require(url.target == config.endpoints.front().target, "endpoints",
                      shown(url) + ": endpoints of one upstream have the same path, " +
                          masked_url(config.endpoints.front().target));
        const auto same = std::count(config.endpoints.begin(), config.endpoints.end(), url);
        check.require(same == 1 || &url == &config.endpoints.front(), "endpoints",
                      shown(url) + " is given twice");
    }
    check_tls(check, config);
    check.require(is_field_value(config.content_type), "content_type",
                  "must be printable ASCII and not empty");
    check_method(check, config.method);
    check_path(check, config);
    check_headers(check, config.headers);
    check.positive(config.connect, "connect");
    check.positive(config.total, "total");
    check.require(config.max_reply > 0 && config.max_reply <= largest, "max_reply",
                  "must be above zero and at most 64 TiB");
    check.require(config.max_connections > 0, "max_connections", "must be above zero");
    check.positive(config.keep_alive, "keep_alive");
    check.positive(config.resolve_every, "resolve_every");
    check.require(config.health_path.empty() || is_target(config.health_path), "health_path",
                  "must begin with / and have no space or control character");
    check.positive(config.health_every, "health_every");
    check.positive(config.health_timeout, "health_timeout");
    return check.done();
}

} // namespace finpost
