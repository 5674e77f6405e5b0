#include "admin.hpp"

namespace finpost {

http_answer answer_admin(const http_query& query, const admin_view& view) {
    http_answer out;
    const std::string path = query.target.substr(0, query.target.find('?'));
    if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
        out.status = 404;
        out.body = "not found: there are /healthz, /readyz and /metrics\n";
    } else if (query.method != "GET") {
        out.status = 405;
        out.allow = "GET";
        out.body = "GET only\n";
    } else if (path == "/healthz") {
        out.body = "ok\n";
    } else if (path == "/readyz") {
        const std::string cause = view.not_ready();
        out.status = cause.empty() ? 200 : 503;
        out.body = (cause.empty() ? "ready" : cause) + '\n';
    } else {
        out.content_type = "text/plain; version=0.0.4; charset=utf-8";
        out.body = view.metrics();
    }
    return out;
}

} // namespace finpost
