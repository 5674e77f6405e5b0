#pragma once

#include "upstream/connection_pool.hpp"
#include "upstream/endpoint_set.hpp"
#include "upstream/resolver.hpp"
#include "upstream/response_guard.hpp"

#include "finpost/config.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/watchdog.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace finpost {

/// Makes one POST of a request and a reply of the response. Held by shared_ptr; thread safe, as long
/// as each request stays on the executor it came on.
class http_forwarder {
public:
    /// `kept` is called whenever a connection has been kept for the next exchange.
    http_forwarder(boost::asio::any_io_executor executor, const upstream_config& config,
                   metrics& counters, logger log, std::function<void()> kept);

    /// `owner` keeps this object alive meanwhile.
    boost::asio::awaitable<reply> forward(std::shared_ptr<const void> owner, request asked);

    const upstream_config& config() const noexcept { return config_; }
    const std::string& label(std::size_t endpoint) const { return labels_[endpoint]; }
    endpoint_set& endpoints() noexcept { return endpoints_; }
    resolver& names() noexcept { return *resolver_; }

    using socket = boost::asio::ip::tcp::socket;
    using pool = connection_pool<socket>;
    pool& connections() noexcept { return pool_; }

private:
    using clock = watchdog::clock;
    struct attempt; // what one exchange has got so far

    bool take(attempt& now, std::size_t endpoint);
    boost::asio::awaitable<error_code> connect(attempt& now, std::span<const std::size_t> order);
    boost::asio::awaitable<error_code> connect_to(attempt& now, std::size_t endpoint,
                                                  std::size_t others);
    boost::asio::awaitable<error_code> wait_for_slot(attempt& now);
    boost::asio::awaitable<error_code> exchange(attempt& now, response_guard& guard);
    void prepare(attempt& now) const;
    error_code send_some(attempt& now) const;
    boost::asio::awaitable<error_code> send_rest(attempt& now);
    boost::asio::awaitable<error_code> read_response(attempt& now, response_guard& guard);
    response_guard::state read_some(attempt& now, response_guard& guard);
    reply refuse(const attempt& now, error_code why) const;

    const boost::asio::any_io_executor executor_;
    const upstream_config config_;
    metrics& counters_;
    const logger log_;
    std::vector<std::string> heads_;  // the fixed part, by endpoint
    std::vector<std::string> labels_; // "host:port", by endpoint
    endpoint_set endpoints_;
    const std::shared_ptr<resolver> resolver_;
    pool pool_;
    const std::function<void()> kept_;
};

} // namespace finpost
