#include "net/tls_side.hpp"

#include <string>
#include <utility>

namespace finpost::detail {

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

tls_side with_fields_named(tls_made made, std::string (*field)(option)) {
    tls_side out;
    out.context = std::move(made.context);
    for (tls_problem& problem : made.problems)
        out.problems.push_back({field(problem.where), std::move(problem.message)});
    for (tls_problem& warning : made.warnings)
        out.warnings.push_back({field(warning.where), std::move(warning.message)});
    return out;
}

void add_problem(tls_side& to, const char* field, const char* message) {
    to.problems.push_back({field, message});
    to.context = {};
}

} // namespace

tls_side make_listener_tls(const tls_options& options) {
    if (options == tls_options()) return {};
    tls_side out = with_fields_named(make_server_tls(options), listener_field);
    // It would look as if clients were verified.
    if (options.client_auth == tls_client_auth::off && !options.ca.empty())
        add_problem(out, "tls_client_ca", "has no effect while tls_client_auth is off");
    if (!options.server_name.empty())
        add_problem(out, "tls_server_name", "has no effect on a listener");
    if (!options.verify)
        add_problem(out, "tls_verify", "has no effect on a listener: see tls_client_auth");
    return out;
}

tls_side make_upstream_tls(const tls_options& options) {
    tls_side out = with_fields_named(make_client_tls(options), upstream_field);
    if (options.client_auth != tls_client_auth::off)
        add_problem(out, "upstream_client_auth", "has no effect on an upstream");
    return out;
}

void log_warnings(const tls_side& made, const logger& log) {
    for (const config_problem& warning : made.warnings)
        log(log_level::warning, "certificate",
            {{"field", warning.field}, {"what", warning.message}});
}

} // namespace finpost::detail
