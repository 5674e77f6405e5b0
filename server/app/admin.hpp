#pragma once

#include "small_http_server.hpp"

#include <functional>
#include <string>

namespace finpost {

/// What the admin port asks of the daemon. Called from any thread.
struct admin_view {
    /// Why no exchange would be served now; empty when one would.
    std::function<std::string()> not_ready;
    /// The page of `/metrics`.
    std::function<std::string()> metrics;
};

/// Answers one request to the admin port: /healthz, /readyz and /metrics, GET only.
http_answer answer_admin(const http_query& query, const admin_view& view);

} // namespace finpost
