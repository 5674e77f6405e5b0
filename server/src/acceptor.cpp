#include "acceptor.hpp"

#include "early_refusal.hpp"
#include "policy/address_filter.hpp"
#include "session/spawn_session.hpp"

#include <boost/asio/error.hpp>

#include <exception>
#include <string>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr int batch = 32; // accepts after one readiness, before other events have their turn

} // namespace

// A completion handler whose memory is there beforehand. An exception destroys it when the wait
// cannot begin, or when the executor has no memory to call it. Its destructor then calls `instead`,
// so that exactly one wait is under way. Each kind of wait has memory of its own, since one may
// begin while the one before is being destroyed.
class acceptor::step {
public:
    using allocator_type = operation_allocator<>;
    using instead = void (acceptor::*)() noexcept;

    step(std::shared_ptr<acceptor> self, operation_memory& memory, instead then) noexcept
        : self_(std::move(self)), memory_(memory), instead_(then) {}
    step(step&& other) noexcept
        : self_(other.self_), memory_(other.memory_), instead_(other.instead_),
          armed_(std::exchange(other.armed_, false)) {}
    ~step() {
        if (armed_ && std::uncaught_exceptions() > 0) (self_.get()->*instead_)();
    }
    allocator_type get_allocator() const noexcept { return allocator_type(memory_); }
    void operator()(error_code) noexcept {
        armed_ = false;
        self_->go_on();
    }

private:
    const std::shared_ptr<acceptor> self_; // const: what was moved from still finds its memory
    operation_memory& memory_;
    const instead instead_;
    bool armed_ = true;
};

acceptor::acceptor(asio::any_io_executor executor, bool one_thread, const listening_place& place,
                   std::shared_ptr<const session_context> context,
                   std::shared_ptr<resource_shortage> shortage)
    : executor_(std::move(executor)), one_thread_(one_thread), socket_(executor_, place),
      permits_(std::move(context)), pause_(std::make_shared<waiter>(executor_)),
      shortage_(std::move(shortage)) {}

void acceptor::start() {
    may_bring_sessions_.emplace(permits_.context()->registry);
    wait_for_client();
}

void acceptor::close() noexcept {
    closing_ = true;
    pause_->wake();
    socket_.shut_down();
    permits_.close();
}

// A permit is taken before a connection is accepted, but only once there is one to accept: an
// acceptor that nobody talks to holds none back from the others.
void acceptor::go_on() noexcept {
    const bool closing = closing_; // once: who ends here passes its wake on
    permits_.leave_queue(closing);
    if (closing) return end();
    if (client_waits_) {
        while (!permits_.take())
            if (wait_for_permits()) return;
        client_waits_ = false;
        accept_batch();
        permits_.give_back();
        if (pause_until_ > clock::now()) return wait_until(pause_until_);
    }
    wait_for_client();
}

// The result of the wait does not matter: the accept says it again.
void acceptor::wait_for_client() noexcept {
    client_waits_ = true; // when it is over
    try {
        const auto self = shared_from_this(); // the wait may be over before this is
        socket_.async_wait(step(self, client_memory_, &acceptor::lost));
        if (closing_) socket_.shut_down(); // `close` came before there was a wait to end
    } catch (...) {
        // It is lost.
    }
}

// Returns false when there is a permit now.
bool acceptor::wait_for_permits() noexcept {
    std::shared_ptr<waiter> ticket;
    try {
        ticket = permits_.join_queue(executor_);
    } catch (...) {
        back_off();
        return true;
    }
    if (!ticket) return false;
    try {
        step next(shared_from_this(), queue_memory_, &acceptor::back_off);
        ticket->async_wait(waiter::time_point::max(), std::move(next));
    } catch (...) {
        // It backs off.
    }
    return true;
}

void acceptor::back_off() noexcept { wait_until(clock::now() + accept_back_off); }

// Without memory for a pause the acceptor goes on without one.
void acceptor::wait_until(clock::time_point when) noexcept {
    try {
        pause_->async_wait(when,
                           step(shared_from_this(), pause_memory_, &acceptor::wait_for_client));
    } catch (...) {
        // There is none.
    }
}

void acceptor::end() noexcept {
    permits_.give_back();
    socket_.close();
    may_bring_sessions_.reset();
}

// Its executor had no memory for the next wait.
void acceptor::lost() noexcept {
    end();
    if (closing_) return; // its wait was given up with its event loop
    lost_ = true;
    try {
        const std::string address = to_string(socket_.address());
        permits_.context()->log(log_level::error, "listener lost",
                                {{"address", address}, {"what", "no memory"}});
    } catch (...) {
        // It is not ready any more, which tells.
    }
}

// Nothing may end the loop but `close`: a gateway that does not accept any more helps nobody.
void acceptor::accept_batch() noexcept {
    try {
        accept_some();
    } catch (...) {
        // No memory, not even for a log line. Whatever was accepted is closed, and counted.
        pause_until_ = clock::now() + accept_back_off;
    }
}

void acceptor::accept_some() {
    for (int i = 0; i < batch; ++i) {
        if (!permits_.take()) return;
        admission& admits = permits_.context()->admits;
        if (const auto due = admits.accept_at(clock::now())) {
            pause_until_ = *due;
            return;
        }
        listening_socket::accepted client = accept_next();
        if (client.fd) {
            if (!serve_client(std::move(client))) return note_shortage(asio::error::no_memory);
            continue;
        }
        admits.accepted_nobody();
        const accept_failure failure = failure_of_accept(client.error);
        if (failure == accept_failure::none_waiting) break;
        if (failure == accept_failure::shortage) return note_shortage(client.error);
    }
    shortage_.over(socket_, *permits_.context());
}

void acceptor::note_shortage(error_code shortage) {
    pause_until_ = shortage_.met(shortage, socket_, *permits_.context());
}

listening_socket::accepted acceptor::accept_next() noexcept {
    const auto lock = shortage_.lock();
    return socket_.accept();
}

// Returns false when there was no memory for the client.
bool acceptor::serve_client(listening_socket::accepted client) {
    permits_.take_change();
    const session_context& context = *permits_.context();
    accepted_socket accepted(std::move(client.fd), context.counters);
    const client_kind kind =
        kind_of_client(client.peer, context.filter, context.config.proxy_protocol_from);
    if (kind == client_kind::denied) {
        refuse_early(std::move(accepted), reason::denied, client.peer, socket_.address().port(),
                     context);
        return true;
    }
    return start_session(std::move(accepted), client.peer, kind == client_kind::proxy);
}

// Returns false when there was no memory for a session: then the client was reset, and counted as
// refused.
bool acceptor::start_session(accepted_socket accepted, const socket_address& peer,
                             bool proxied) noexcept {
    const auto& context = permits_.context();
    try {
        std::optional<reason> refused;
        // A proxy stands for many: they are counted when it has said who they are.
        if (!proxied && !context->admits.admit_source(permits_.connection(), peer))
            refused = reason::busy;
        const socket_address local = socket_.local_address(accepted.fd());
        accepted_client client(std::move(accepted), peer, local, permits_.hand_over_connection(),
                               context->registry, refused);
        if (proxied || context->tls)
            client.preamble =
                std::make_unique<preamble>(proxied, context->tls, permits_.hand_over_handshake());
        spawn_session(context, executor_, one_thread_, std::move(client));
        return true;
    } catch (...) {
        return false;
    }
}

} // namespace finpost::detail
