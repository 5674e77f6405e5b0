#include "admin/admin.hpp"

#include "control/queue_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace json = boost::json;

namespace finpost {

namespace {

http_answer text(unsigned status, std::string body) {
    http_answer out;
    out.status = status;
    out.body = std::move(body);
    return out;
}

http_answer healthz(const admin_view&) { return text(200, "ok\n"); }

http_answer readyz(const admin_view& view) {
    const std::string cause = view.not_ready();
    return cause.empty() ? text(200, "ready\n") : text(503, cause + '\n');
}

http_answer metrics_page(const admin_view& view) {
    http_answer out = text(200, view.metrics());
    out.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return out;
}

json::object to_json(const session_view& session) {
    const auto seconds = [](std::chrono::nanoseconds time) {
        return std::round(std::chrono::duration<double>(time).count() * 1e3) / 1e3;
    };
    return {{"id", session.id.text()},
            {"peer", to_string(session.peer)},
            {"local", to_string(session.local)},
            {"stage", to_string(session.stage)},
            {"age_seconds", seconds(session.age)},
            {"bytes_in", session.bytes_in},
            {"bytes_out", session.bytes_out},
            {"exchanges", session.exchanges},
            {"pause_seconds", seconds(session.pause)}};
}

http_answer sessions(const admin_view& view) {
    json::array list;
    for (const session_view& session : view.sessions(sessions_shown))
        list.push_back(to_json(session));
    const std::size_t total = std::max(view.session_count(), list.size());
    const json::object page{
        {"total", total}, {"shown", list.size()}, {"sessions", std::move(list)}};
    http_answer out = text(200, json::serialize(page) + '\n');
    out.content_type = "application/json";
    return out;
}

http_answer config(const admin_view& view) {
    if (!view.config) return text(404, "not found: this gateway does not show its configuration\n");
    http_answer out = text(200, view.config());
    out.content_type = "application/toml";
    return out;
}

http_answer queue(const admin_view& view) {
    const auto stats = view.queue ? view.queue() : std::nullopt;
    if (!stats) return text(404, "not found: there is no queue, see --queue-dir\n");
    const json::object page = to_json(*stats);
    http_answer out = text(200, json::serialize(page) + '\n');
    out.content_type = "application/json";
    return out;
}

struct route {
    std::string_view path;
    http_answer (*answer)(const admin_view& view);
};

constexpr std::array routes{route{"/healthz", healthz},      route{"/readyz", readyz},
                            route{"/metrics", metrics_page}, route{"/sessions", sessions},
                            route{"/config", config},        route{"/queue", queue}};

} // namespace

http_answer answer_admin(const http_query& query, const admin_view& view) {
    const std::string path = query.target.substr(0, query.target.find('?'));
    const auto found = std::find_if(routes.begin(), routes.end(),
                                    [&path](const route& each) { return each.path == path; });
    if (found == routes.end()) {
        std::string all;
        for (const route& each : routes) (all += ' ') += each.path;
        return text(404, "not found: there are" + all + '\n');
    }
    if (query.method != "GET" && query.method != "HEAD") {
        http_answer out = text(405, "GET only\n");
        out.allow = "GET, HEAD";
        return out;
    }
    return found->answer(view);
}

} // namespace finpost
