#pragma once

#include "acceptor.hpp"

#include "finpost/event_loops.hpp"

#include <memory>
#include <vector>

namespace finpost::detail {

/// One address that clients connect to. With several executors each has an acceptor of its own
/// for it, and the kernel spreads the clients (SO_REUSEPORT): a session stays with the event loop
/// that accepted it.
class address_listener {
public:
    /// Binds and listens; throws boost::system::system_error that names the address, also when
    /// another process shares its port in the same way.
    /// With `inherited`, a socket that listens there already, nothing is bound: all acceptors take
    /// clients from its one queue.
    address_listener(const event_loops& on, const std::shared_ptr<const session_context>& context,
                     const socket_address& address, const unique_fd& inherited);

    /// Accepts until `close`, also when this is destroyed before.
    void start();

    /// Clients that connect from now on are served by `context`, which has the same registry. From
    /// any thread.
    void change(const std::shared_ptr<const session_context>& context);

    /// No connection is accepted from now on. From any thread.
    void close() noexcept;

    /// What was bound.
    const socket_address& address() const noexcept { return acceptors_.front()->address(); }

    /// Whether it accepts, or will when there are permits: false after `close`, and where it has
    /// ended for want of memory that is not its own, which can happen on an executor that is no
    /// `io_context`'s. From any thread.
    bool works() const noexcept;

private:
    std::vector<std::shared_ptr<acceptor>> acceptors_; // at least one
};

} // namespace finpost::detail
