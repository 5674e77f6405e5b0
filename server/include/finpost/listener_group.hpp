#pragma once

#include "finpost/config.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/handler.hpp"

namespace finpost {

/// Addresses whose clients are served alike: the rules, and the handlers that answer.
struct listener_group {
    gateway_config config;
    finpost::handler handler;
    /// Answers payloads above `stream_above`; without one that has to be off.
    finpost::streaming_handler streaming_handler = {};
};

} // namespace finpost
