#pragma once

#include "net/upstream_stream.hpp"
#include "policy/log_throttle.hpp"
#include "upstream/connect_race.hpp"
#include "upstream/connection_pool.hpp"
#include "upstream/content_codings.hpp"
#include "upstream/endpoint_set.hpp"
#include "upstream/request_head.hpp"
#include "upstream/resolver.hpp"
#include "upstream/response_guard.hpp"
#include "upstream/upstream_tls.hpp"

#include "finpost/config.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// Makes one POST of a request and a reply of the response. Held by shared_ptr; thread safe, as
/// long as each request stays on the executor it came on.
class http_forwarder {
public:
    /// `kept` is called whenever a connection has been kept for the next exchange. A connection
    /// stays with the executor of the exchange it was made for, as long as that is one of
    /// `executors`.
    http_forwarder(std::vector<boost::asio::any_io_executor> executors, bool one_thread_each,
                   const upstream_config& config, metrics& counters, logger log,
                   std::function<void()> kept);

    /// `owner` keeps this object alive meanwhile.
    boost::asio::awaitable<reply> forward(std::shared_ptr<const void> owner, request asked);

    /// The same for a payload that is still coming, over a connection of its own. Nothing of it is
    /// sent twice. To an endpoint that answered in HTTP/1.0, which knows no chunks, it goes when it
    /// is whole.
    boost::asio::awaitable<reply> forward_stream(std::shared_ptr<const void> owner, request asked,
                                                 exchange_stream& client);

    const logger& log() const noexcept { return log_; }
    const upstream_config& config() const noexcept { return config_; }
    const std::string& label(std::size_t endpoint) const { return labels_[endpoint]; }
    endpoint_set& endpoints() noexcept { return endpoints_; }
    const std::shared_ptr<resolver>& names() const noexcept { return resolver_; }
    /// Counts and logs that an endpoint is ejected now, or, without a reason, no more.
    void tell(std::size_t endpoint, error_code why);

    upstream_tls& tls() noexcept { return tls_; }

    using connection = upstream_stream;
    using pool = connection_pool<connection>;
    pool& connections() noexcept { return pool_; }
    /// From now on connections to `endpoint` are kept only when they are `wanted`.
    void restrict(std::size_t endpoint, const std::function<bool(const connection&)>& wanted);

private:
    using clock = exchange_deadline::clock;
    struct slot_wait;
    struct attempt; // what one exchange has got so far

    std::size_t lane_of(const boost::asio::any_io_executor& executor) const;
    std::size_t place(std::size_t endpoint, std::size_t lane) const noexcept;
    void choose(attempt& now);
    bool take(attempt& now);
    boost::asio::awaitable<error_code> connect(attempt& now);
    boost::asio::awaitable<error_code> connect_to(attempt& now);
    void made(attempt& now, connect_race& race);
    boost::asio::awaitable<error_code> secure(attempt& now);
    void tell_handshake(attempt& now, std::string_view what) const;
    void tell_connect(const attempt& now, const error_code& cause) const;
    void tell_refused(const attempt& now, const response_guard& guard, error_code why) const;
    void tell_behind(const attempt& now);
    void record_failure(const attempt& now, error_code why);
    void eject(const attempt& now, const endpoint_set::fault& what);
    boost::asio::awaitable<error_code> wait_for_slot(attempt& now);
    boost::asio::awaitable<error_code> exchange(attempt& now, response_guard& guard);
    boost::asio::awaitable<reply> forward_whole(std::shared_ptr<const void> owner, request asked,
                                                exchange_stream& client);
    boost::asio::awaitable<error_code> receive_whole(request& asked, exchange_stream& client) const;
    static error_code hold(request& asked, std::span<const std::byte> data);
    void remember_version(std::size_t endpoint, const response_guard& guard);
    void prepare(attempt& now) const;
    error_code send_some(attempt& now) const;
    static error_code unreadable(const attempt& now);
    boost::asio::awaitable<error_code> send_rest(attempt& now);
    boost::asio::awaitable<error_code> read_response(attempt& now, response_guard& guard);
    response_guard::state read_some(attempt& now, response_guard& guard);
    reply relay(attempt& now, response_guard& guard);
    static bool may_send_again(const attempt& now, error_code failed, const response_guard& guard);
    reply refuse(const attempt& now, error_code why) const;

    const std::vector<boost::asio::any_io_executor> executors_;
    const upstream_config config_;
    metrics& counters_;
    const logger log_;
    upstream_tls tls_;
    std::vector<head_opening> heads_; // by endpoint
    std::vector<std::string> labels_; // "host:port", by endpoint
    const content_codings codings_;
    std::vector<std::atomic<bool>> speaks_1_0_; // by endpoint: its last response was HTTP/1.0
    log_throttle behind_warning_{std::chrono::minutes(1)}; // bytes behind a response
    endpoint_set endpoints_;
    const std::shared_ptr<resolver> resolver_;
    pool pool_;
    const std::function<void()> kept_;
};

} // namespace finpost
