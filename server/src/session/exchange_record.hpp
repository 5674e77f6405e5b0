#pragma once

#include "session/outcome.hpp"

#include "finpost/config.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/logger.hpp"
#include "finpost/request_id.hpp"
#include "finpost/session_view.hpp"

#include <cstdint>
#include <string_view>

namespace finpost {
struct metrics;
}

namespace finpost::detail {

/// One exchange at its end: what is counted of it, and its line in the access log.
struct exchange_record {
    using time_point = exchange_deadline::clock::time_point;

    const request_id& id;
    const socket_address& peer;
    const outcome& result;
    session_stage stage; ///< in which it ended
    std::uint64_t bytes_in, bytes_out;
    std::string_view upstream; ///< the endpoint that was asked; empty for none
    int status;                ///< of its response; 0 for none
    time_point accepted, received, answered;
    bool sampled; ///< its trace is
    bool stopped; ///< by the gateway's stop
};

/// Counts the exchange and logs it. Without memory for a log line the counters tell alone. Once for
/// each exchange, before the FIN or the RST: a client that has read to the end of the connection
/// finds it counted. Over TLS the close_notify goes out with the reply, just before.
void record(const exchange_record& of, metrics& counters, const logger& log,
            access_log wanted) noexcept;

} // namespace finpost::detail
