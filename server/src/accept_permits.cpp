#include "accept_permits.hpp"

namespace finpost::detail {

void accept_permits::change(std::shared_ptr<const session_context> context) {
    const std::lock_guard lock(mutex_);
    next_ = std::move(context);
    changed_ = true;
    if (ticket_) ticket_->wake(); // what it waits for may not be its own any more
}

void accept_permits::close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    if (ticket_) ticket_->wake();
}

// A client that connected after `change` finds it made; one that came before may find either.
bool accept_permits::take() {
    if (changed_.load()) adopt_change();
    if (!connection_) connection_ = context_->admits.try_admit();
    if (!context_->preambles) return connection_.has_value();
    if (connection_ && !handshake_) handshake_ = context_->handshakes.try_admit();
    return connection_ && handshake_;
}

void accept_permits::adopt_change() {
    give_back(); // nobody was accepted by them yet
    const std::lock_guard lock(mutex_);
    context_ = std::move(next_);
    changed_ = false;
}

void accept_permits::take_change() {
    if (!changed_.load()) return;
    const std::lock_guard lock(mutex_);
    const bool other_count = &next_->admits != &context_->admits;
    std::optional<admission::permit> connection, handshake;
    if (other_count && !(connection = next_->admits.try_admit())) return;
    if (next_->preambles && !(handshake = next_->handshakes.try_admit())) return;
    if (other_count) std::swap(connection_, connection);
    std::swap(handshake_, handshake);
    connection.reset(); // before the rules go that they are of
    handshake.reset();
    context_ = std::move(next_);
    changed_ = false;
}

void accept_permits::give_back() noexcept {
    connection_.reset();
    handshake_.reset();
}

std::shared_ptr<waiter> accept_permits::join_queue(const boost::asio::any_io_executor& executor) {
    admission& lacking = connection_ ? context_->handshakes : context_->admits;
    std::shared_ptr<waiter> ticket = lacking.join_unless_free(executor);
    if (!ticket) return nullptr;
    const std::lock_guard lock(mutex_);
    ticket_ = ticket;
    queue_ = &lacking;
    queue_rules_ = context_; // other rules may be in force when the wait is over
    if (closed_ || changed_) ticket->wake();
    return ticket;
}

void accept_permits::leave_queue(bool closing) noexcept {
    std::shared_ptr<const session_context> queue_rules;
    std::shared_ptr<waiter> ticket;
    bool gives_up = false; // then the wake is somebody else's
    {
        const std::lock_guard lock(mutex_);
        ticket.swap(ticket_);
        queue_rules.swap(queue_rules_);
        gives_up = closing || closed_ || changed_;
    }
    if (ticket) queue_->leave(ticket, gives_up);
}

admission::permit accept_permits::hand_over(std::optional<admission::permit>& held) noexcept {
    admission::permit permit = std::move(*held);
    held.reset();
    return permit;
}

} // namespace finpost::detail
