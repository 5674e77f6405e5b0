#pragma once

#include "net/upstream_stream.hpp"
#include "policy/log_throttle.hpp"
#include "upstream/connect_race.hpp"
#include "upstream/connection_pool.hpp"
#include "upstream/endpoint_set.hpp"
#include "upstream/resolver.hpp"
#include "upstream/upstream_tls.hpp"

#include "finpost/event_loops.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/upstream_config.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// What one exchange has got of an upstream so far: an endpoint, a connection.
struct upstream_attempt {
    using clock = exchange_deadline::clock;

    upstream_attempt(exchange_deadline& deadline, const upstream_config& config);

    /// The time for connecting begins anew.
    void restart_connecting(clock::duration limit);

    upstream_stream& stream() { return *lease->connection(); }
    bool connected() { return lease && lease->connection() != nullptr; }

    exchange_deadline& deadline;
    clock::time_point until;         // the end of the whole exchange
    clock::time_point connect_until; // and of connecting
    endpoint_set::selection selection;
    endpoint_set::mask tried = 0; // could not be connected to
    std::optional<connection_pool<upstream_stream>::lease> lease;
    std::size_t endpoint = 0;       // taken last
    std::size_t executor_index = 0; // which of the executors this exchange is on
    bool endpoint_chosen = false;   // the log can name it
    bool fresh_only = false;        // no connection that was kept will do
    bool has_waited = false;        // for a slot of the pool
    std::string tls_failure;        // why there is no TLS
};

/// A new connection to an endpoint, while it is being made.
struct upstream_dial {
    upstream_dial(std::size_t which, resolver::addresses addresses,
                  boost::asio::any_io_executor strand, boost::asio::any_io_executor sockets,
                  exchange_deadline& limit)
        : endpoint(which), deadline(limit),
          race(std::make_shared<connect_race>(std::move(strand), std::move(sockets),
                                              std::move(addresses))) {}

    /// Why there is no TLS, in words; perhaps empty.
    std::string_view tls_failure() const noexcept;

    const std::size_t endpoint;
    exchange_deadline& deadline;
    const std::shared_ptr<connect_race> race;
    std::optional<upstream_stream> stream; // from when TCP is connected
};

/// Gets an exchange a connection to one of an upstream's endpoints: chooses the endpoint, takes a
/// kept connection or makes one, over TLS where that is due, and waits where all there may be are
/// in use. Keeps the endpoints' record. Thread safe, as long as each attempt stays on the executor
/// it came on.
class upstream_connector {
public:
    using clock = exchange_deadline::clock;
    using pool = connection_pool<upstream_stream>;

    /// `tls` was made of `config`. `on_idle` is called whenever a connection has become idle, for
    /// the next exchange. A connection stays with the executor of the exchange it was made for, as
    /// long as that is one of `loops`.
    upstream_connector(const event_loops& loops, const upstream_config& config, tls_side tls,
                       metrics& counters, logger log, std::function<void()> on_idle);

    /// Whether an attempt has to be told which executor it is on.
    bool has_several_executors() const noexcept { return executors_.size() > 1; }
    /// Tells it. An executor that is none of them counts as the first.
    void set_executor(upstream_attempt& attempt,
                      const boost::asio::any_io_executor& executor) const;

    /// Selects one of the endpoints that have not been tried; none when all have.
    void choose(upstream_attempt& attempt);
    /// Takes an idle connection to the chosen endpoint, or the right to make one. True when it
    /// already has a connection; otherwise `connect` goes on.
    bool take_lease(upstream_attempt& attempt) { return take(attempt) && attempt.connected(); }
    /// Gets a connection to the chosen endpoint or to another. Fails with `upstream_unreachable`,
    /// `busy` (no connection became free in time, or this side lacks descriptors), or the
    /// deadline's error.
    boost::asio::awaitable<error_code> connect(upstream_attempt& attempt);
    /// Connects, over TLS where that is due; addresses are tried at a pace that leaves each its
    /// part of the time `within` which the deadline ends it. After a failure the dial says why.
    boost::asio::awaitable<error_code> dial(upstream_dial& dial, clock::duration within) const;

    /// A complete response came. The connection is kept for the next exchange when it is
    /// `reusable`; `bytes_behind` the response are reported.
    void answered(upstream_attempt& attempt, bool reusable, bool bytes_behind);
    /// A response came that is taken although the request was not out. The connection ends in a
    /// RST; what is still to be read on it may be the rest of that response.
    void answered_early(upstream_attempt& attempt, bool bytes_behind);
    /// None came. That is recorded where it is the endpoint's fault.
    void failed(const upstream_attempt& attempt, error_code why);
    /// The handshake failed, or the upstream has rejected this side's certificate later.
    void handshake_failed(upstream_attempt& attempt, std::string_view what) const;

    /// Counts and logs that an endpoint is ejected, or logs that it is no more.
    void report_ejected(std::size_t endpoint, error_code why);
    void report_restored(std::size_t endpoint) const;

    /// From now on connections to `endpoint` are kept only when they are `wanted`.
    void restrict(std::size_t endpoint, const std::function<bool(const upstream_stream&)>& wanted);

    const std::string& label(std::size_t endpoint) const { return labels_[endpoint]; }
    endpoint_set& endpoints() noexcept { return endpoints_; }
    resolver& names() const noexcept { return *resolver_; }
    upstream_tls& tls() noexcept { return tls_; }
    pool& connections() noexcept { return pool_; }

private:
    struct slot_wait;

    std::size_t pool_slot(std::size_t endpoint, std::size_t executor_index) const noexcept;
    bool take(upstream_attempt& attempt);
    clock::duration share_of_time(const upstream_attempt& attempt, clock::time_point now) const;
    boost::asio::awaitable<error_code> connect_to(upstream_attempt& attempt);
    error_code not_connected(upstream_attempt& attempt, const upstream_dial& dial,
                             error_code failed);
    void record(const upstream_attempt& attempt, const endpoint_set::fault& fault);
    boost::asio::awaitable<error_code> wait_for_slot(upstream_attempt& attempt);
    void warn_of_bytes_behind(std::size_t endpoint);

    const std::vector<boost::asio::any_io_executor> executors_;
    metrics& counters_;
    const logger log_;
    upstream_tls tls_;
    const std::vector<std::string> labels_;                // "host:port", by endpoint
    log_throttle behind_warning_{std::chrono::minutes(1)}; // bytes behind a response
    endpoint_set endpoints_;
    const std::shared_ptr<resolver> resolver_;
    pool pool_;
    const std::function<void()> on_idle_;
};

} // namespace finpost::detail
