#pragma once

#include "finpost/config.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/tls_context.hpp"

namespace finpost {
struct metrics;
}

namespace finpost::detail {

class address_filter;
class admission;
class buffer_budget;
class log_throttle;
class reply_budget;
class session_registry;
class spill_policy;
struct reply_forms;

/// What every session of a listener group uses, and nobody changes while it runs: new rules come in
/// a new context, and a session keeps the one it began with.
struct session_context {
    const gateway_config& config;
    const finpost::handler& handler;
    const finpost::streaming_handler& streaming_handler;
    metrics& counters;
    const logger& log;
    buffer_budget& budget;
    session_registry& registry;
    admission& admits;
    const address_filter& filter;
    const tls_context& tls; // none: plain TCP
    admission& handshakes;  // of clients in their preamble
    bool preambles;         // clients may have one
    const spill_policy& spills;
    reply_budget& replies;         // of handlers
    const reply_forms& forms;      // of replies and refusals
    log_throttle& foreign_warning; // that foreign payloads are forwarded
};

} // namespace finpost::detail
