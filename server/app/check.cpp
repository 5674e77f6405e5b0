#include "check.hpp"

#include "descriptor_limit.hpp"
#include "gateway_set.hpp"
#include "listener_parts.hpp"
#include "queue/queue_directory.hpp"
#include "upstream/upstream_parts.hpp"

#include "finpost/tls_context.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace finpost {

using namespace detail;

namespace {

// As a listener does it. 0, or the error.
int try_to_bind(const socket_address& address) {
    const int family = address.is_v6() ? AF_INET6 : AF_INET;
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.is_v6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    const int failed =
        ::bind(fd, address.data(), static_cast<socklen_t>(address.size())) == 0 ? 0 : errno;
    ::close(fd);
    return failed;
}

void check_address(const std::string& field, const socket_address& address, check_result& out) {
    if (address.port() == 0) return;
    const std::string what = field + ": " + to_string(address);
    const int error = try_to_bind(address);
    if (error == 0)
        out.notes.push_back(what + " can be bound");
    else if (error == EADDRINUSE)
        out.notes.push_back(what + " is in use now: fine if it is by the gateway to be reloaded");
    else
        out.problems.push_back(what +
                               " cannot be bound: " + std::generic_category().message(error));
}

void check_log_file(const std::string& file, check_result& out) {
    if (file.empty()) return;
    const std::size_t slash = file.rfind('/');
    const std::string folder = slash == file.npos ? "." : file.substr(0, slash + 1);
    struct stat about {};
    const bool exists = ::stat(file.c_str(), &about) == 0;
    if (exists && (S_ISDIR(about.st_mode) || S_ISSOCK(about.st_mode))) {
        out.problems.push_back("log_file: " + file + " cannot be written: it is a " +
                               (S_ISDIR(about.st_mode) ? "directory" : "socket"));
        return;
    }
    if (::access(exists ? file.c_str() : folder.c_str(), W_OK) == 0) return;
    out.problems.push_back("log_file: " + file +
                           " cannot be written: " + std::generic_category().message(errno));
}

void check_queue(const std::string& directory, check_result& out) {
    if (directory.empty()) return;
    const queue_directory::look found = queue_directory::look_at(directory);
    if (!found.problem.empty())
        out.problems.push_back("queue_dir: " + found.problem);
    else if (!found.in_use.empty())
        out.notes.push_back("queue_dir: " + found.in_use +
                            " now: fine if it is the gateway to be reloaded");
}

void check_certificate(const tls_side& made, const std::string& field, const std::string& file,
                       check_result& out) {
    for (const config_problem& warning : made.warnings)
        out.notes.push_back(warning.field + ": " + warning.message);
    const auto until = made.context.expires();
    if (!until) return;
    const auto days = days_left(*until, std::chrono::system_clock::now());
    const std::string note =
        field + ": " + file +
        (days < 0 ? " has expired" : " is valid for " + std::to_string(days) + " more days");
    if (std::find(out.notes.begin(), out.notes.end(), note) == out.notes.end())
        out.notes.push_back(note);
}

void check_certificates(const daemon_config& config, check_result& out) {
    for (const listener_config& listener : config.listeners)
        check_certificate(listener.made.parts->tls, "tls_cert", listener.gateway.tls.cert, out);
    for (const named_upstream& upstream : config.upstreams)
        check_certificate(upstream.made.parts->tls, "upstream_cert", upstream.config.tls.cert, out);
}

} // namespace

check_result check_machine(const daemon_config& config) {
    check_result out;
    for (const listener_config& listener : config.listeners)
        for (const socket_address& address : listener.gateway.listen)
            check_address("listen", address, out);
    if (config.admin) check_address("admin", *config.admin, out);
    check_log_file(config.log.file, out);
    check_queue(config.queue.directory, out);
    check_certificates(config, out);
    const auto& warnings = config.written.warnings;
    out.notes.insert(out.notes.end(), warnings.begin(), warnings.end());
    daemon_config fitted = config;
    const std::size_t descriptors = raise_descriptor_limit();
    if (fit_into_descriptors(fitted, descriptors)) {
        out.notes.push_back("max_connections: the limit on open files (ulimit -n), " +
                            std::to_string(descriptors) + ", is enough for " +
                            std::to_string(all_clients(fitted)) + " clients, not for " +
                            std::to_string(all_clients(config)));
    }
    for (const named_upstream* upstream : longer_than_tracked(config)) {
        // In the short form there is one, and "default" is a name that nobody gave it.
        const std::string name =
            config.written.long_form ? " of the upstream " + upstream->name : "";
        out.notes.push_back("upstream_total: " + format_duration(upstream->config.total) + name +
                            ": " + tracking_advice);
    }
    return out;
}

} // namespace finpost
