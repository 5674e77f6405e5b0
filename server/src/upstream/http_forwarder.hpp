#pragma once

#include "upstream/content_codings.hpp"
#include "upstream/exchange_rules.hpp"
#include "upstream/request_head.hpp"
#include "upstream/response_guard.hpp"
#include "upstream/upstream_connector.hpp"
#include "upstream/upstream_parts.hpp"

#include "finpost/event_loops.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/upstream_config.hpp"

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace finpost::detail {

/// Makes one POST of a request and a reply of the response. The `owner` of `forward` keeps it
/// alive. Thread safe, as long as each request stays on the executor it came on.
class http_forwarder {
public:
    /// As of `upstream_connector`.
    http_forwarder(const event_loops& loops, const upstream_config& config, upstream_parts parts,
                   metrics& counters, logger log, std::function<void()> on_idle);

    /// `owner` keeps this object alive meanwhile.
    boost::asio::awaitable<reply> forward(std::shared_ptr<const void> owner, request request);

    /// The same for a payload that is still coming, over a connection of its own. Nothing of it is
    /// sent twice. To an endpoint that answered in HTTP/1.0, which knows no chunks, it goes when it
    /// is whole.
    boost::asio::awaitable<reply> forward_stream(std::shared_ptr<const void> owner, request request,
                                                 exchange_stream& client);

    const logger& log() const noexcept { return log_; }
    const upstream_config& config() const noexcept { return config_; }
    upstream_connector& connector() noexcept { return connector_; }

private:
    using clock = exchange_deadline::clock;

    boost::asio::awaitable<reply> forward_whole(std::shared_ptr<const void> owner, request request,
                                                exchange_stream& client);
    boost::asio::awaitable<error_code> receive_whole(request& request,
                                                     exchange_stream& client) const;
    static error_code hold(request& request, std::span<const std::byte> data);
    void remember_version(std::size_t endpoint, const response_guard& guard);
    reply relay(upstream_attempt& attempt, const exchange_progress& progress,
                response_guard& guard);
    reply fail(const request& request, upstream_attempt& attempt, const exchange_progress& progress,
               const response_guard& guard, error_code why);
    static void tell(request& request, response_guard* guard, bool refused);
    reply refuse(const upstream_attempt& attempt, const exchange_progress& progress,
                 error_code why) const;
    void log_refused(const request& request, std::size_t endpoint, const response_guard& guard,
                     error_code why) const;

    const upstream_config config_;
    metrics& counters_;
    const logger log_;
    upstream_connector connector_;
    std::vector<head_opening> heads_; // by endpoint
    const content_codings codings_;
    std::vector<std::atomic<bool>> speaks_1_0_; // by endpoint: its last response was HTTP/1.0
};

} // namespace finpost::detail
