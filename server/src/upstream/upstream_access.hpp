#pragma once

#include "upstream/upstream_parts.hpp"

#include "finpost/http_upstream.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>

namespace finpost::detail {

/// The door for finpostd, which has validated its upstreams already: nothing is read or made a
/// second time.
struct upstream_access {
    /// `parts` were made of `config`.
    static http_upstream make(const event_loops& loops, const upstream_config& config,
                              upstream_parts parts, metrics& counters, logger log);
    /// Says whether no endpoint can be used. It may outlive `running`.
    static std::function<bool()> all_down(const http_upstream& running);
    /// Where steps on `executor` follow each other: as `sequence_on`, which knows from the
    /// upstream's event loops whether one thread runs it.
    static boost::asio::any_io_executor sequence(const http_upstream& running,
                                                 const boost::asio::any_io_executor& executor);
    /// How long an exchange may take, with connecting.
    static duration longest_attempt(const http_upstream& running);
    /// As `renew_tls`.
    static void use(http_upstream& running, tls_side made);
};

} // namespace finpost::detail
