#pragma once

#include "address_listener.hpp"
#include "checked_group.hpp"
#include "listener_plan.hpp"
#include "listener_rules.hpp"
#include "net/inherited_sockets.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace finpost::detail {

/// The addresses that a gateway listens on, each with the rules of its group. Thread safe.
class listener_set {
public:
    /// An address that is one of `inherited` uses that socket, whenever it is asked for.
    listener_set(event_loops on, std::shared_ptr<shared_resources> shared,
                 inherited_sockets inherited);
    ~listener_set();

    /// Puts these groups into the place of those in force, all or none: `gateway::change`.
    void change(std::vector<checked_group> groups);

    /// No connection is accepted from now on, and no change has an effect.
    void close();

    /// What was bound last, in the order of the groups; also after `close`.
    std::vector<socket_address> addresses() const;
    /// Whether there are addresses, and all of them accept.
    bool accepting() const noexcept;
    /// When the first of the certificates in force expires.
    std::optional<tls_context::time_point> tls_expires() const;

private:
    struct in_force;
    std::shared_ptr<const in_force> current() const;
    in_force prepare(const listener_plan& plan, const in_force& before,
                     std::vector<checked_group> groups) const;
    bool publish(const std::shared_ptr<const in_force>& next);
    unique_fd inherited_for(const socket_address& address) const;

    const event_loops loops_;
    const std::shared_ptr<shared_resources> shared_;
    std::mutex changing_;      // one change at a time: it reads files, and logs
    mutable std::mutex mutex_; // of what follows, for a moment; nobody logs meanwhile
    std::shared_ptr<const in_force> current_; // null after `close`
    std::vector<socket_address> bound_;
    inherited_sockets inherited_; // none after `close`
};

} // namespace finpost::detail
