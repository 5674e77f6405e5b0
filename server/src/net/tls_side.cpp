#include "net/tls_side.hpp"

#include <string>
#include <utility>

namespace finpost {

namespace {

using option = tls_problem::option;

std::string listener_field(option where) {
    switch (where) {
    case option::ca:
        return "tls_client_ca";
    case option::cert:
        return "tls_cert";
    case option::key:
        return "tls_key";
    default:
        return "tls_client_auth";
    }
}

std::string upstream_field(option where) {
    switch (where) {
    case option::ca:
        return "upstream_ca";
    case option::cert:
        return "upstream_cert";
    case option::key:
        return "upstream_key";
    default:
        return "upstream_server_name";
    }
}

tls_side named(tls_made made, std::string (*field)(option)) {
    tls_side out;
    out.context = std::move(made.context);
    for (tls_problem& one : made.problems)
        out.problems.push_back({field(one.where), std::move(one.message)});
    for (tls_problem& one : made.warnings)
        out.warnings.push_back({field(one.where), std::move(one.message)});
    return out;
}

} // namespace

tls_side make_listener_tls(const tls_options& options) {
    const bool asks = options.client_auth != tls_client_auth::off;
    if (options.cert.empty() && options.key.empty() && options.ca.empty() && !asks) return {};
    tls_side out = named(make_server_tls(options), listener_field);
    // It would look as if clients were verified.
    if (!asks && !options.ca.empty()) {
        out.problems.push_back({"tls_client_ca", "has no effect while tls_client_auth is off"});
        out.context = {};
    }
    return out;
}

tls_side make_upstream_tls(const tls_options& options) {
    return named(make_client_tls(options), upstream_field);
}

void log_warnings(const tls_side& made, const logger& log) {
    for (const config_problem& one : made.warnings)
        log(log_level::warning, "certificate", {{"field", one.field}, {"what", one.message}});
}

} // namespace finpost
