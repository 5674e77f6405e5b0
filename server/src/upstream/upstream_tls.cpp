#include "upstream/upstream_tls.hpp"

#include "net/upstream_stream.hpp"

#include <utility>

namespace finpost::detail {

upstream_tls::upstream_tls(const upstream_config& config, tls_side made, const logger& log)
    : options_(config.tls), endpoints_(config.endpoints),
      used_(config.endpoints.front().scheme == "https"), sessions_(config.endpoints.size()) {
    if (!used_) return;
    use(std::move(made), log);
    if (options_.verify) return;
    for (const http_url& url : endpoints_) {
        const std::string endpoint = to_string(host_port{url.host, url.port});
        log(log_level::warning, "upstream not verified",
            {{"endpoint", endpoint},
             {"what", "upstream_insecure: whoever answers there is believed"}});
    }
}

void upstream_tls::secure(upstream_stream& fresh, std::size_t endpoint) const {
    tls_context context;
    tls_session before;
    {
        const std::lock_guard lock(mutex_);
        context = context_;
        before = sessions_[endpoint];
    }
    fresh.secure(context, endpoints_[endpoint].host, before);
}

void upstream_tls::remember(const upstream_stream& stream, std::size_t endpoint) {
    tls_session now = stream.session();
    const std::lock_guard lock(mutex_);
    if (stream.belongs_to(context_)) std::swap(sessions_[endpoint], now);
}

void upstream_tls::forget(std::size_t endpoint) {
    const std::lock_guard lock(mutex_);
    sessions_[endpoint] = {};
}

std::vector<config_problem> upstream_tls::renew(const logger& log) {
    if (!used_) return {};
    tls_side made = make_upstream_tls(options_);
    if (!made.problems.empty()) return std::move(made.problems);
    use(std::move(made), log);
    return {};
}

void upstream_tls::use(tls_side made, const logger& log) {
    if (!used_) return;
    {
        const std::lock_guard lock(mutex_);
        context_ = std::move(made.context);
        for (tls_session& session : sessions_) session = {};
    }
    log_warnings(made, log);
}

std::optional<tls_context::time_point> upstream_tls::expires() const {
    const std::lock_guard lock(mutex_);
    return context_.expires();
}

} // namespace finpost::detail
