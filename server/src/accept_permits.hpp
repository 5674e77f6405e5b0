#pragma once

#include "policy/admission.hpp"
#include "policy/wait_queue.hpp"
#include "session/session_context.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace finpost::detail {

/// The rules that an acceptor goes by, and the permits that it holds under them before it accepts:
/// one for the connection, and one more for the handshake where clients may have a preamble.
/// Clients in their handshake have a limit of their own: with all of it taken one connection is
/// held back here, and the rest is for those who are further.
///
/// `change` and `close` may be called from any thread, all else belongs to the acceptor.
class accept_permits {
public:
    explicit accept_permits(std::shared_ptr<const session_context> context)
        : context_(std::move(context)) {}

    /// From now on these rules are in force, and who waits by other ones is woken.
    void change(std::shared_ptr<const session_context> context);
    /// Wakes the pending wait, and every later one.
    void close() noexcept;

    const std::shared_ptr<const session_context>& context() const noexcept { return context_; }

    /// Whether it holds the permits for a client, by the rules in force now.
    bool take();
    /// Takes a change over for a client that was accepted already. Where the new rules have no
    /// permit for it, it comes in by the rules that it has waited by.
    void take_change();
    void give_back() noexcept;

    /// A ticket for the permit that is missing; null when there is one now. Only after `take` has
    /// failed. May throw std::bad_alloc.
    std::shared_ptr<waiter> join_queue(const boost::asio::any_io_executor& executor);
    /// Gives the ticket up. `closing`: the acceptor takes no permit any more, so a wake that has
    /// come is passed on to the next in the queue.
    void leave_queue(bool closing) noexcept;

    /// The connection's permit, which is there.
    admission::permit& connection() noexcept { return *connection_; }
    /// It is the client's from now on.
    admission::permit hand_over_connection() noexcept { return hand_over(connection_); }
    admission::permit hand_over_handshake() noexcept { return hand_over(handshake_); }

private:
    static admission::permit hand_over(std::optional<admission::permit>& held) noexcept;
    void adopt_change();

    std::shared_ptr<const session_context> context_;
    std::optional<admission::permit> connection_, handshake_;
    std::atomic<bool> changed_{false}; // `next_` is to take the place of `context_`
    std::mutex mutex_;                 // of what follows
    std::shared_ptr<const session_context> next_;
    bool closed_ = false;
    std::shared_ptr<waiter> ticket_;                     // in the queue ...
    admission* queue_ = nullptr;                         // ... of this ...
    std::shared_ptr<const session_context> queue_rules_; // ... which is of these rules
};

} // namespace finpost::detail
