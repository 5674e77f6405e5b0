#pragma once

#include "listener_parts.hpp"
#include "policy/address_filter.hpp"
#include "policy/admission.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/file_space.hpp"
#include "policy/log_throttle.hpp"
#include "policy/reply_budget.hpp"
#include "policy/spill_policy.hpp"
#include "session/session_context.hpp"
#include "session/session_registry.hpp"

#include "finpost/config.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/tls_context.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <memory>

namespace finpost::detail {

/// What the sessions of all groups share. Thread safe. The rules of each group keep it alive, so
/// it is there as long as the last session.
struct shared_resources {
    shared_resources(const boost::asio::any_io_executor& executor, metrics& counters_, logger log_);

    metrics& counters;
    const logger log;
    buffer_budget budget; // its limit comes with the groups
    file_space files;
    const std::shared_ptr<session_registry> registry;
    log_throttle foreign_warning{std::chrono::hours(1)};
};

/// What the sessions of a group go by, as long as the last of them lives. Never changes: a reload
/// that changes the group makes new rules, and a session keeps those that it began with.
struct listener_rules {
    /// `parts` were made of the configuration. Logs what their certificates are warned of.
    listener_rules(std::shared_ptr<shared_resources> shared_, gateway_config config_,
                   listener_parts parts, finpost::handler handler_,
                   finpost::streaming_handler streaming_handler_,
                   std::shared_ptr<admission> admits_);

    const std::shared_ptr<shared_resources> shared;
    const gateway_config config;
    const finpost::handler handler;
    const finpost::streaming_handler streaming_handler;
    // Shared with the rules before when the group keeps an address: the connections that it has go
    // on counting.
    const std::shared_ptr<admission> admits;
    const address_filter filter;
    admission handshakes; // begins at zero in each rules: a handshake does not last long
    const tls_context tls;
    const spill_policy spills;
    mutable reply_budget replies;
    const reply_forms forms;
    const session_context context;

private:
    bool has_preambles() const { return tls || !config.proxy_protocol_from.empty(); }
};

/// A session holds its context, and by it the rules.
std::shared_ptr<const session_context> context_of(std::shared_ptr<const listener_rules> rules);

} // namespace finpost::detail
