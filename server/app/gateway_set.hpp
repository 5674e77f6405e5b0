#pragma once

#include "config/daemon_config.hpp"
#include "net/inherited_sockets.hpp"
#include "queue_owner.hpp"

#include "finpost/event_loops.hpp"
#include "finpost/gateway.hpp"
#include "finpost/http_upstream.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace finpost {

/// The gateway and its upstreams, as a configuration asks for them: started together, changed
/// together. `start`, `change` and `gateway` are for one thread at a time.
class gateway_set {
public:
    gateway_set(event_loops loops, metrics& counters, logger log);

    /// Makes everything, and binds nothing yet. Opens the queue, if there is one; `on_queue_fatal`
    /// as in `queue_owner`. Addresses that are among `inherited` are not bound later.
    void make(const daemon_config& config, detail::inherited_sockets inherited,
              std::function<void()> on_queue_fatal);
    /// Binds and accepts, and begins to deliver; throws like `gateway::start`.
    void start();

    /// Puts `config` into the place of what is in force, or throws like `gateway::change`, and then
    /// nothing has changed. An upstream whose name and settings stay keeps its connections.
    void change(const daemon_config& config);

    finpost::gateway& gateway() noexcept { return *gateway_; }

    /// The queue; null without one. From any thread.
    const queue_owner* queue() const noexcept { return queue_ ? &*queue_ : nullptr; }
    /// Delivers nothing more, and lets what is on the wire come to its end within `grace`. `held`
    /// is let go when that is so.
    void drain_deliveries(duration grace, const std::shared_ptr<void>& held);
    /// At once.
    void stop_deliveries() noexcept;
    /// Everything goes, the queue last. After the event loops.
    void close() noexcept;

    using endpoint_list = std::vector<http_upstream::endpoint_status>;
    /// Of all upstreams; one that is in several is up when it is for all of them. From any thread.
    endpoint_list endpoints() const;
    /// The endpoints of each upstream that a listener has. From any thread.
    std::vector<endpoint_list> endpoints_by_upstream() const;

    /// When the first certificate expires that is shown to an upstream. From any thread.
    std::optional<tls_context::time_point> upstream_tls_expires() const;

private:
    struct running {
        upstream_config config;
        std::shared_ptr<http_upstream> upstream;
        bool used = true; // by a listener
        idempotency_key key = {};
        delivery_config rules = {};
        std::shared_ptr<delivery_queue> deliveries = {}; // null without a queue
    };
    using upstream_map = std::map<std::string, running>;
    upstream_map upstreams_for(const daemon_config& config) const;
    running running_for(const daemon_config& config, const named_upstream& upstream) const;
    void add_deliveries(running& of, const daemon_config& config,
                        const named_upstream& upstream) const;
    void change_deliveries(upstream_map& before);
    void use_certificates(const daemon_config& config, const upstream_map& before) noexcept;

    const event_loops loops_;
    metrics& counters_;
    const logger log_;
    std::optional<queue_owner> queue_;
    mutable std::mutex mutex_;
    upstream_map upstreams_; // changed under the mutex, by one thread
    std::unique_ptr<finpost::gateway> gateway_;
};

/// Lowers the limits on connections, in proportion, to what `descriptors` are enough for; whether
/// clients had to be cut. See `within_descriptors`.
bool fit_into_descriptors(daemon_config& config, std::size_t descriptors);

/// Clients held at once, over all listeners.
std::size_t all_clients(const daemon_config& config);

/// Upstreams that may take longer than connection tracking in NATs and sidecars keeps a half-closed
/// connection (60 s), which draws a warning.
std::vector<const named_upstream*> longer_than_tracked(const daemon_config& config);

inline constexpr const char* tracking_advice =
    "NATs and sidecars drop a half-closed connection after 60s: keep it at 55s or below";

} // namespace finpost
