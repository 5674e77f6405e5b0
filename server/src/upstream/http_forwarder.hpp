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
    boost::asio::awaitable<reply> forward(std::shared_ptr<const void> owner, request request);

    /// The same for a payload that is still coming, over a connection of its own. Nothing of it is
    /// sent twice. To an endpoint that answered in HTTP/1.0, which knows no chunks, it goes when it
    /// is whole.
    boost::asio::awaitable<reply> forward_stream(std::shared_ptr<const void> owner, request request,
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
    struct upstream_attempt; // what one exchange has got so far

    std::size_t executor_index_of(const boost::asio::any_io_executor& executor) const;
    std::size_t pool_slot(std::size_t endpoint, std::size_t executor_index) const noexcept;
    void choose(upstream_attempt& attempt);
    bool take(upstream_attempt& attempt);
    boost::asio::awaitable<error_code> connect(upstream_attempt& attempt);
    boost::asio::awaitable<error_code> connect_to(upstream_attempt& attempt);
    void made(upstream_attempt& attempt, connect_race& race);
    boost::asio::awaitable<error_code> secure(upstream_attempt& attempt);
    void tell_handshake(upstream_attempt& attempt, std::string_view what) const;
    void tell_connect(const upstream_attempt& attempt, const error_code& cause) const;
    void tell_refused(const upstream_attempt& attempt, const response_guard& guard,
                      error_code why) const;
    void tell_behind(const upstream_attempt& attempt);
    void record_failure(const upstream_attempt& attempt, error_code why);
    void eject(const upstream_attempt& attempt, const endpoint_set::fault& what);
    boost::asio::awaitable<error_code> wait_for_slot(upstream_attempt& attempt);
    boost::asio::awaitable<error_code> exchange(upstream_attempt& attempt, response_guard& guard);
    boost::asio::awaitable<reply> forward_whole(std::shared_ptr<const void> owner, request request,
                                                exchange_stream& client);
    boost::asio::awaitable<error_code> receive_whole(request& request,
                                                     exchange_stream& client) const;
    static error_code hold(request& request, std::span<const std::byte> data);
    void remember_version(std::size_t endpoint, const response_guard& guard);
    void prepare(upstream_attempt& attempt) const;
    error_code send_some(upstream_attempt& attempt) const;
    static error_code unreadable(const upstream_attempt& attempt, error_code why);
    boost::asio::awaitable<error_code> send_rest(upstream_attempt& attempt);
    boost::asio::awaitable<error_code> read_response(upstream_attempt& attempt,
                                                     response_guard& guard);
    response_guard::state read_some(upstream_attempt& attempt, response_guard& guard);
    reply relay(upstream_attempt& attempt, response_guard& guard);
    static bool may_send_again(const upstream_attempt& attempt, error_code failed,
                               const response_guard& guard);
    reply refuse(const upstream_attempt& attempt, error_code why) const;

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
