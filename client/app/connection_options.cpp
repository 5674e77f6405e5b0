#include "connection_options.hpp"

#include "quoted.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string_view>

namespace finpost {

namespace {

void read_time(const std::string& text, const char* flag, duration& value,
               std::vector<std::string>& problems) {
    if (text.empty()) return; // the default
    const auto read = parse_duration(text);
    if (!read)
        problems.push_back(std::string(flag) + ": " + read.error().message);
    else if (*read <= duration::zero())
        problems.push_back(std::string(flag) + ": must be above zero");
    else
        value = *read;
}

void read_address(const std::string& text, const char* flag, std::optional<socket_address>& value,
                  std::vector<std::string>& problems) {
    if (text.empty()) return;
    const auto read = parse_socket_address(text);
    if (!read)
        problems.push_back(std::string(flag) + ": " + read.error().message);
    else
        value = *read;
}

std::string flag_of(tls_problem::option option) {
    switch (option) {
    case tls_problem::option::ca:
        return "--ca";
    case tls_problem::option::cert:
        return "--cert";
    case tls_problem::option::key:
        return "--key";
    case tls_problem::option::server_name:
        return "--server-name";
    case tls_problem::option::client_auth:
        break;
    }
    return "--tls";
}

} // namespace

split_words split_at_end_of_options(int argc, const char* const* argv) {
    const char* const* const end = argv + argc;
    const char* const* const mark = std::find(argv, end, std::string_view("--"));
    return {{argv, mark}, {mark == end ? end : mark + 1, end}};
}

std::vector<std::string> flags_of(const CLI::App& cli) {
    std::vector<std::string> all;
    for (const CLI::Option* option : cli.get_options())
        for (const std::string& name : option->get_lnames()) all.push_back("--" + name);
    return all;
}

connection_flags::connection_flags(CLI::App& cli) {
    cli.add_flag("-v,--verbose", verbose_);
    cli.add_option("--connect-timeout", connect_);
    cli.add_option("--timeout", total_);
    cli.add_flag("--tls", tls_);
    cli.add_option("--ca", ca_);
    cli.add_option("--cert", cert_);
    cli.add_option("--key", key_);
    cli.add_option("--server-name", server_name_);
    cli.add_option("--proxy-protocol", proxy_);
    cli.add_option("--proxy-source", source_);
    cli.add_option("--proxy-destination", destination_);
}

void connection_flags::read(connection_options& into, std::vector<std::string>& problems) const {
    into.verbose = verbose_;
    read_time(connect_, "--connect-timeout", into.connect, problems);
    read_time(total_, "--timeout", into.total, problems);
    read_tls(into, problems);
    read_proxy(into, problems);
}

// A user who names a certificate means TLS: to send in the clear instead would be the worst reading
// of it.
void connection_flags::read_tls(connection_options& into,
                                std::vector<std::string>& problems) const {
    into.with_tls = tls_;
    into.tls.ca = ca_;
    into.tls.cert = cert_;
    into.tls.key = key_;
    into.tls.server_name = server_name_;
    const auto needs = [&](const std::string& value, const char* flag) {
        if (!tls_ && !value.empty()) problems.push_back(std::string(flag) + " needs --tls");
    };
    needs(ca_, "--ca");
    needs(cert_, "--cert");
    needs(key_, "--key");
    needs(server_name_, "--server-name");
}

void connection_flags::read_proxy(connection_options& into,
                                  std::vector<std::string>& problems) const {
    proxy_options proxy;
    if (const auto version = parse_proxy_version(proxy_))
        proxy.version = *version;
    else if (!proxy_.empty())
        problems.push_back("--proxy-protocol: " + version.error().message);
    read_address(source_, "--proxy-source", proxy.source, problems);
    read_address(destination_, "--proxy-destination", proxy.destination, problems);
    if (!proxy_.empty()) {
        into.proxy = proxy;
        return;
    }
    if (!source_.empty()) problems.push_back("--proxy-source needs --proxy-protocol");
    if (!destination_.empty()) problems.push_back("--proxy-destination needs --proxy-protocol");
}

std::optional<client_options> prepare(const connection_options& options,
                                      std::vector<std::string>& problems,
                                      std::vector<std::string>& warnings) {
    client_options out;
    out.connect = options.connect;
    out.total = options.total;
    out.proxy = options.proxy;
    if (!options.with_tls) return out;
    tls_made made = make_client_tls(options.tls);
    for (const tls_problem& problem : made.problems)
        problems.push_back(flag_of(problem.where) + ": " + problem.message);
    for (const tls_problem& warning : made.warnings)
        warnings.push_back(flag_of(warning.where) + ": " + warning.message);
    if (!made.context) return std::nullopt;
    out.tls = std::move(made.context);
    return out;
}

std::string describe(const exchange_result& result) {
    std::string out;
    if (result.connected.count() > 0) {
        out += std::string("connection: family=") +
               (result.remote.is_v6() ? "AF_INET6" : "AF_INET") +
               " type=SOCK_STREAM local=" + to_string(result.local) +
               " remote=" + to_string(result.remote) + '\n';
    }
    const tls_description& tls = result.tls;
    if (!tls.protocol.empty() || (!tls.verified.empty() && tls.verified != "ok")) {
        out += "tls: protocol=" + (tls.protocol.empty() ? "none" : tls.protocol) +
               " cipher=" + (tls.cipher.empty() ? "none" : tls.cipher) +
               " peer=" + (tls.peer_name.empty() ? "none" : tls.peer_name) +
               " verified=" + (tls.verified == "ok" ? "ok" : '"' + tls.verified + '"') + '\n';
    }
    return out;
}

} // namespace finpost
