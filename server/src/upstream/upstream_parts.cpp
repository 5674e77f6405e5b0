#include "upstream/upstream_parts.hpp"

#include "ascii.hpp"
#include "quoted.hpp"
#include "upstream/response_head.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace finpost::detail {

namespace {

// RFC 9110 §5.5, of which a little less is taken: no obs-text and no tabs.
bool is_field_value(std::string_view text) {
    return !text.empty() && text.front() != ' ' && text.back() != ' ' &&
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

void check_method(config_checker& check, const std::string& method) {
    constexpr std::array<std::string_view, 7> good{"POST",  "PUT",    "PATCH", "DELETE",
                                                   "QUERY", "REPORT", "SEARCH"};
    check.require(std::find(good.begin(), good.end(), method) != good.end(), "method",
                  in_quotes(method) +
                      " is not a method that carries a payload: expected POST, PUT, "
                      "PATCH, DELETE, QUERY, REPORT or SEARCH");
}

// Messages are read by more people than secrets are for.
std::string shown(const http_url& url) { return masked_url(to_string(url)); }

template_pieces checked_path(config_checker& check, const upstream_config& config) {
    if (config.path.empty()) return {};
    auto pieces = parse_template(config.path);
    if (!pieces) {
        check.require(false, "path", pieces.error().message);
        return {};
    }
    const bool good = std::all_of(pieces->begin(), pieces->end(), [](const template_piece& piece) {
        return is_path_text(piece.text);
    });
    check.require(config.path.starts_with('/') && good && config.path.size() <= 4096, "path",
                  in_quotes(masked_url(config.path)) +
                      " is not a path: it begins with /, has no # and no space, "
                      "and other characters as %XX, in 4 KiB at the most");
    for (const http_url& url : config.endpoints) {
        check.require(url.target == "/", "path",
                      "takes the place of the path in " + shown(url) + ": give one of the two");
    }
    return std::move(*pieces);
}

std::vector<template_pieces> checked_headers(config_checker& check,
                                             const std::vector<http_header>& headers) {
    constexpr std::array<std::string_view, 18> own{
        "host",         "content-length",  "content-type",     "user-agent",
        "x-request-id", "forwarded",       "idempotency-key",  "traceparent",
        "connection",   "x-forwarded-for", "keep-alive",       "transfer-encoding",
        "te",           "trailer",         "proxy-connection", "upgrade",
        "expect",       "http2-settings"};
    std::vector<template_pieces> values;
    std::set<std::string> seen;
    std::size_t size = 0;
    for (const auto& [name, value] : headers) {
        const std::string shown = in_quotes(name);
        const std::string key = lower(name);
        size += name.size() + value.size();
        check.require(is_token(name), "headers", shown + " is not the name of a header");
        check.require(std::find(own.begin(), own.end(), key) == own.end(), "headers",
                      shown + " is written by finpost itself" +
                          (key == "content-type" ? ": see content_type" : ""));
        check.require(seen.insert(key).second, "headers", shown + " is given twice");
        auto pieces = parse_template(value);
        if (pieces)
            values.push_back(std::move(*pieces));
        else
            check.require(false, "headers", shown + ": " + pieces.error().message);
        check.require(is_field_value(value), "headers",
                      shown + ": the value must be printable ASCII, not empty, without "
                              "spaces around it");
    }
    check.require(headers.size() <= 64 && size <= 8192, "headers",
                  "are more than 64, or more than 8 KiB in all");
    return values;
}

tls_side checked_tls(config_checker& check, const upstream_config& config) {
    const tls_options& tls = config.tls;
    if (!config.endpoints.empty() && config.endpoints.front().scheme == "https") {
        tls_side made = make_upstream_tls(tls);
        check.add(made.problems);
        return made;
    }
    const auto unused = [&](bool is_set, const char* field) {
        check.require(!is_set, field, "has no effect without an https:// URL");
    };
    unused(!tls.ca.empty(), "upstream_ca");
    unused(!tls.cert.empty(), "upstream_cert");
    unused(!tls.key.empty(), "upstream_key");
    unused(!tls.server_name.empty(), "upstream_server_name");
    unused(!tls.verify, "upstream_insecure");
    check.require(tls.client_auth == tls_client_auth::off, "upstream_client_auth",
                  "has no effect on an upstream");
    return {};
}

// A host may have put it together by hand, and it goes into request lines.
void check_url(config_checker& check, const http_url& url) {
    const auto read = parse_http_url(to_string(url));
    if (!read) return check.require(false, "endpoints", read.error().message);
    check.require(*read == url, "endpoints",
                  shown(url) + " is not what parse_http_url makes of it");
}

void check_endpoints(config_checker& check, const upstream_config& config) {
    check.require(!config.endpoints.empty(), "endpoints", "at least one URL is needed");
    check.require(config.endpoints.size() <= 64, "endpoints", "at most 64 URLs");
    for (const http_url& url : config.endpoints) {
        check_url(check, url);
        check.require(url.scheme == config.endpoints.front().scheme, "endpoints",
                      shown(url) + ": endpoints of one upstream are all http:// or all https://");
        check.require(url.target == config.endpoints.front().target, "endpoints",
                      shown(url) + ": endpoints of one upstream have the same path, " +
                          masked_url(config.endpoints.front().target));
        const auto same = std::count(config.endpoints.begin(), config.endpoints.end(), url);
        check.require(same == 1 || &url == &config.endpoints.front(), "endpoints",
                      shown(url) + " is given twice");
    }
}

} // namespace

checked<upstream_parts> make_upstream_parts(const upstream_config& config) {
    config_checker check;
    upstream_parts parts;
    check_endpoints(check, config);
    parts.tls = checked_tls(check, config);
    check.require(is_field_value(config.content_type) && config.content_type.size() <= 1024,
                  "content_type",
                  "must be printable ASCII, not empty, without spaces around it, in 1 KiB at the "
                  "most");
    check_method(check, config.method);
    parts.templates.path = checked_path(check, config);
    parts.templates.headers = checked_headers(check, config.headers);
    check.positive(config.connect, "connect");
    check.positive(config.total, "total");
    check.require(config.max_reply > 0 && config.max_reply <= largest_size, "max_reply",
                  "must be above zero and at most 64 TiB");
    check.require(config.max_connections > 0, "max_connections", "must be above zero");
    check.positive(config.keep_alive, "keep_alive");
    check.positive(config.resolve_every, "resolve_every");
    check.require(config.health_path.empty() ||
                      (is_target(config.health_path) && config.health_path.size() <= 4096),
                  "health_path",
                  "must begin with / and have no space or control character, in 4 KiB at the most");
    check.positive(config.health_every, "health_every");
    check.positive(config.health_timeout, "health_timeout");
    return check.done(std::move(parts));
}

} // namespace finpost::detail

namespace finpost {

std::vector<config_problem> validate(const upstream_config& config) {
    const auto made = detail::make_upstream_parts(config);
    return made ? std::vector<config_problem>() : made.error();
}

} // namespace finpost
