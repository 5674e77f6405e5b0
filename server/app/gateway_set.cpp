#include "gateway_set.hpp"

#include "descriptor_limit.hpp"
#include "gateway_access.hpp"
#include "upstream/upstream_access.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <unistd.h>

namespace finpost {

using namespace detail;

namespace {

constexpr std::size_t longest_gateway_name = 63;

template <class Running>
handler handler_of(const listener_config& listener, const Running& behind) {
    if (listener.delivery.mode == delivery_mode::relay) return behind.upstream->as_handler();
    // A reload may ask for what only a restart makes.
    if (!behind.deliveries)
        throw std::runtime_error("--delivery: there is no queue yet: --queue-dir needs a restart");
    const std::string name = to_string(listener.gateway.listen.front());
    return listener.delivery.mode == delivery_mode::queue
               ? behind.deliveries->as_handler(name, behind.key)
               : behind.deliveries->as_fallback(name, behind.key);
}

template <class Map>
std::vector<checked_group> groups_of(const daemon_config& config, const Map& upstreams) {
    std::vector<checked_group> groups;
    for (const listener_config& listener : config.listeners) {
        const auto& behind = upstreams.at(listener.upstream);
        listener_group group{listener.gateway, handler_of(listener, behind)};
        if (listener.delivery.mode == delivery_mode::relay)
            group.streaming_handler = behind.upstream->as_streaming_handler();
        groups.push_back({std::move(group), *listener.made.parts});
    }
    return groups;
}

// Of this gateway among those of one queue: the same after a restart.
std::string name_of(const daemon_config& config) {
    std::array<char, 256> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    const auto port = config.listeners.front().gateway.listen.front().port();
    const std::string at = ':' + std::to_string(port);
    return std::string(host.data()).substr(0, longest_gateway_name - at.size()) + at;
}

std::size_t share(std::size_t wanted, std::size_t granted, std::size_t all) {
    if (all == 0) return 1;
    return std::max<std::size_t>(
        1, static_cast<std::size_t>(static_cast<double>(wanted) * static_cast<double>(granted) /
                                    static_cast<double>(all)));
}

} // namespace

gateway_set::gateway_set(event_loops loops, metrics& counters, logger log)
    : loops_(std::move(loops)), counters_(counters), log_(std::move(log)) {}

gateway_set::upstream_map gateway_set::upstreams_for(const daemon_config& config) const {
    upstream_map next;
    for (const named_upstream& upstream : config.upstreams)
        next.emplace(upstream.name, running_for(config, upstream));
    return next;
}

gateway_set::running gateway_set::running_for(const daemon_config& config,
                                              const named_upstream& upstream) const {
    running made{upstream.config, nullptr};
    made.used = std::any_of(config.listeners.begin(), config.listeners.end(),
                            [&](const auto& from) { return from.upstream == upstream.name; });
    const auto before = upstreams_.find(upstream.name);
    if (before != upstreams_.end() && before->second.config == upstream.config) {
        made.upstream = before->second.upstream;
    } else {
        made.upstream = std::make_shared<http_upstream>(detail::upstream_access::make(
            loops_, upstream.config, *upstream.made.parts, counters_, log_));
        made.upstream->start();
    }
    if (queue_) add_deliveries(made, config, upstream);
    return made;
}

// An upstream that no listener has any more is delivered to as well: there may be payloads for it.
void gateway_set::add_deliveries(running& of, const daemon_config& config,
                                 const named_upstream& upstream) const {
    of.key = upstream.delivery.key;
    of.rules = upstream.delivery.queue;
    of.rules.upstream = upstream.name;
    of.rules.receipt_timeout = config.queue.timeout;
    const auto before = upstreams_.find(upstream.name);
    const bool same = before != upstreams_.end() && before->second.upstream == of.upstream &&
                      before->second.rules == of.rules;
    of.deliveries = same
                        ? before->second.deliveries
                        : std::make_shared<delivery_queue>(loops_.first(), queue_->store(),
                                                           *of.upstream, of.rules, counters_, log_);
}

void gateway_set::start() {
    gateway_->start();
    for (auto& [name, entry] : upstreams_)
        if (entry.deliveries) entry.deliveries->start();
}

void gateway_set::drain_deliveries(duration grace, const std::shared_ptr<void>& held) {
    for (auto& [name, entry] : upstreams_)
        if (entry.deliveries) entry.deliveries->async_drain(grace, [held](error_code) {});
}

void gateway_set::stop_deliveries() noexcept {
    for (auto& [name, entry] : upstreams_)
        if (entry.deliveries) entry.deliveries->stop();
}

void gateway_set::close() noexcept {
    gateway_.reset();
    {
        const std::lock_guard lock(mutex_);
        upstreams_.clear();
    }
    if (queue_) queue_->close();
}

void gateway_set::make(const daemon_config& config, inherited_sockets inherited,
                       std::function<void()> on_queue_fatal) {
    if (config.queue.there_is_one()) {
        const bool ordered = config.upstreams.front().delivery.order == delivery_order::source;
        queue_.emplace(config.queue, ordered, name_of(config), loops_.first(), counters_, log_,
                       std::move(on_queue_fatal));
    }
    const std::lock_guard lock(mutex_);
    upstreams_ = upstreams_for(config);
    gateway_ = detail::gateway_access::make(loops_, groups_of(config, upstreams_),
                                            std::move(inherited), counters_, log_);
}

void gateway_set::change(const daemon_config& config) {
    // What is not needed any more is closed when it goes, and not under the lock.
    upstream_map next = upstreams_for(config);
    detail::gateway_access::change(*gateway_, groups_of(config, next));
    {
        const std::lock_guard lock(mutex_);
        upstreams_.swap(next);
    }
    use_certificates(config, next);
    change_deliveries(next);
}

// What those of `before` have on the wire comes to its end; the others begin.
void gateway_set::change_deliveries(upstream_map& before) {
    for (auto& [name, entry] : upstreams_) {
        const auto old = before.find(name);
        const bool kept = old != before.end() && old->second.deliveries == entry.deliveries;
        if (entry.deliveries && !kept) entry.deliveries->start();
    }
    for (auto& [name, entry] : before) {
        const auto now = upstreams_.find(name);
        const bool kept = now != upstreams_.end() && now->second.deliveries == entry.deliveries;
        if (!entry.deliveries || kept) continue;
        const duration grace = entry.config.total + 2 * entry.config.connect;
        entry.deliveries->async_drain(grace, [old = entry.deliveries](error_code) {});
    }
}

// Those of `before` that stay have new files perhaps. The change is made by now: what fails here
// must not look as if it were not.
void gateway_set::use_certificates(const daemon_config& config,
                                   const upstream_map& before) noexcept {
    for (const named_upstream& configured : config.upstreams) {
        try {
            const auto& upstream = upstreams_.at(configured.name).upstream;
            const auto known = before.find(configured.name);
            if (known != before.end() && known->second.upstream == upstream)
                detail::upstream_access::use(*upstream, configured.made.parts->tls);
        } catch (const std::exception&) {
            // No memory: the certificates of before hold until the next reload.
        }
    }
}

std::vector<gateway_set::endpoint_list> gateway_set::endpoints_by_upstream() const {
    std::vector<endpoint_list> all;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : upstreams_)
        if (entry.used) all.push_back(entry.upstream->endpoints());
    return all;
}

gateway_set::endpoint_list gateway_set::endpoints() const {
    endpoint_list all;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : upstreams_) {
        for (const auto& status : entry.upstream->endpoints()) {
            const auto known = std::find_if(all.begin(), all.end(), [&](const auto& seen) {
                return seen.endpoint == status.endpoint;
            });
            if (known == all.end())
                all.push_back(status);
            else if (!status.up)
                *known = status;
        }
    }
    return all;
}

std::optional<tls_context::time_point> gateway_set::upstream_tls_expires() const {
    std::optional<tls_context::time_point> first;
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : upstreams_) {
        const auto when = entry.upstream->tls_expires();
        if (when && (!first || *when < *first)) first = when;
    }
    return first;
}

std::size_t all_clients(const daemon_config& config) {
    std::size_t sum = 0;
    for (const listener_config& listener : config.listeners)
        sum += listener.gateway.max_connections;
    return sum;
}

bool fit_into_descriptors(daemon_config& config, std::size_t descriptors) {
    // No more connections to an upstream than it can have clients: each serves one exchange.
    std::vector<std::size_t> needed;
    connection_limits wanted{all_clients(config), 0};
    for (const named_upstream& upstream : config.upstreams) {
        std::size_t clients = 0;
        for (const listener_config& from : config.listeners)
            if (from.upstream == upstream.name) clients += from.gateway.max_connections;
        needed.push_back(std::min(upstream.config.max_connections, clients));
        wanted.upstream += needed.back();
    }
    descriptors_beside beside;
    if (config.demo) beside.upstream = 2;
    for (const listener_config& listener : config.listeners)
        if (listener.gateway.spill_above != 0) beside.files = files_at_once;
    if (config.queue.there_is_one()) {
        beside.queue = queue_descriptors;
        for (const named_upstream& upstream : config.upstreams)
            beside.queue += 2 * upstream.delivery.queue.deliveries; // a connection, and a file
    }
    const connection_limits granted = within_descriptors(descriptors, wanted, beside);
    if (granted == wanted)
        return false; // a change that is not needed would cost a pool at a reload
    for (listener_config& listener : config.listeners) {
        std::size_t& limit = listener.gateway.max_connections;
        limit = share(limit, granted.clients, wanted.clients);
    }
    for (std::size_t i = 0; i < needed.size(); ++i)
        config.upstreams[i].config.max_connections =
            share(needed[i], granted.upstream, wanted.upstream);
    return granted.clients < wanted.clients;
}

std::vector<const named_upstream*> longer_than_tracked(const daemon_config& config) {
    constexpr duration tracked{55'000};
    std::vector<const named_upstream*> all;
    for (const named_upstream& upstream : config.upstreams)
        if (upstream.config.total > tracked) all.push_back(&upstream);
    return all;
}

} // namespace finpost
