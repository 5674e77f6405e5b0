#pragma once

#include "admin/http_query.hpp"

#include "finpost/queued_payload.hpp"
#include "finpost/session_view.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace finpost {

/// What the admin port asks of the daemon. Called from any thread.
struct admin_view {
    /// Why no exchange would be served now; empty when one would.
    std::function<std::string()> not_ready;
    /// The page of `/metrics`.
    std::function<std::string()> metrics;
    /// The oldest sessions, no more than `most`, and how many there are.
    std::function<std::vector<session_view>(std::size_t most)> sessions;
    std::function<std::size_t()> session_count;
    /// The configuration in force, secrets masked, as TOML; without one there is no `/config`.
    std::function<std::string()> config;
    /// What is in the queue; nothing, or without this, there is no queue.
    std::function<std::optional<queue_stats>()> queue = {};
};

/// Sessions that `/sessions` shows: a page of a few hundred KiB at the most.
inline constexpr std::size_t sessions_shown = 1'000;

/// Answers one request to the admin port: /healthz, /readyz, /metrics, /sessions, /config and
/// /queue. GET and HEAD only.
http_answer answer_admin(const http_query& query, const admin_view& view);

} // namespace finpost
