#include "listener.hpp"

#include "async/sequence.hpp"
#include "net/reset_on_close.hpp"
#include "policy/address_filter.hpp"
#include "policy/resource_shortage.hpp"
#include "policy/wait_queue.hpp"
#include "session/reply.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace finpost {

namespace {

constexpr int backlog = 4096;
constexpr int batch = 32; // accepts after one readiness, before other events have their turn
constexpr std::chrono::milliseconds back_off{100};

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

unique_fd open_spare() noexcept { return unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

// What has come is read: otherwise a reset would overtake whatever is said to the client.
void drop_input(int fd) noexcept {
    std::array<std::byte, 16 << 10> scratch;
    for (int i = 0; i < 16; ++i)
        if (::recv(fd, scratch.data(), scratch.size(), MSG_DONTWAIT) <= 0) return;
}

// A connection of any kind, ready for a session to use.
unique_fd accept_from(tcp::acceptor& acceptor, sockaddr* peer, socklen_t* size) noexcept {
    return unique_fd(::accept4(acceptor.native_handle(), peer, size, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

socket_address bound_address(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
    return {reinterpret_cast<const sockaddr*>(&storage), size};
}

void listen_on(tcp::acceptor& acceptor, const socket_address& address, bool shared) {
    try {
        tcp::endpoint endpoint;
        endpoint.resize(address.size());
        std::memcpy(endpoint.data(), address.data(), address.size());
        acceptor.open(endpoint.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        if (shared) acceptor.set_option(reuse_port(true));
        // So that 0.0.0.0:5000 and [::]:5000 can stand side by side.
        if (address.is_v6()) acceptor.set_option(asio::ip::v6_only(true));
        // A byte sent as urgent is a byte of the payload like any other (RFC 6093 §6). What is
        // accepted inherits it.
        const int on = 1;
        ::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
        // Nor is the end of this process the end of a reply: it is a RST until somebody says that
        // it is complete. That is inherited as well.
        reset_on_close(acceptor.native_handle(), true);
        acceptor.bind(endpoint);
        acceptor.listen(backlog);
        acceptor.non_blocking(true);
    } catch (const boost::system::system_error& failed) {
        throw boost::system::system_error(failed.code(), "cannot listen on " + to_string(address));
    }
}

// What a session leaves behind when it ends: nothing, or a bug to report. It outlives the session's
// last step and the client's permit, and keeps the context for both.
struct report_end {
    std::shared_ptr<const session_context> context;
    void operator()(std::exception_ptr failed) const {
        if (!failed) return;
        try {
            tell(failed);
        } catch (...) {
            // No memory for a line: it is counted.
        }
    }
    void tell(const std::exception_ptr& failed) const {
        try {
            std::rethrow_exception(failed);
        } catch (const std::exception& bug) {
            context->log(log_level::error, "session failed", {{"what", bug.what()}});
        } catch (...) {
            context->log(log_level::error, "session failed", {{"what", "unknown"}});
        }
    }
};

} // namespace

// A completion handler whose memory is there beforehand. One that an exception destroys, when the
// wait cannot begin or when the executor has no memory to call it, does what is to be done instead:
// exactly one wait is under way. Each kind has memory of its own, for one may begin while the one
// before is being destroyed.
class listener::step {
public:
    using allocator_type = operation_allocator<>;
    using instead = void (listener::*)() noexcept;

    step(std::shared_ptr<listener> self, operation_memory& memory, instead then) noexcept
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
    const std::shared_ptr<listener> self_; // const: what was moved from still finds its memory
    operation_memory& memory_;
    const instead instead_;
    bool armed_ = true;
};

listener::listener(const session_executors& on, std::shared_ptr<const session_context> context,
                   const socket_address& address)
    : executor_(on.all.front()), one_thread_(on.one_thread_each), context_(std::move(context)),
      acceptor_(executor_), pause_(std::make_shared<waiter>(executor_)),
      shortage_(std::make_shared<resource_shortage>()), spare_(open_spare()) {
    const bool shared = on.all.size() > 1;
    if (shared) {
        // Two processes that both share a port would take each other's clients without a word. Who
        // does not share it is told that it is in use.
        tcp::acceptor alone(executor_);
        listen_on(alone, address, false);
    }
    bind(address, shared);
    for (std::size_t i = 1; i < on.all.size(); ++i)
        others_.push_back(std::make_shared<listener>(shares_address(), on.all[i], one_thread_,
                                                     context_, address_, shortage_));
}

listener::listener(shares_address, asio::any_io_executor executor, bool one_thread,
                   std::shared_ptr<const session_context> context, const socket_address& address,
                   std::shared_ptr<resource_shortage> told)
    : executor_(std::move(executor)), one_thread_(one_thread), context_(std::move(context)),
      acceptor_(executor_), pause_(std::make_shared<waiter>(executor_)), shortage_(std::move(told)),
      spare_(open_spare()) {
    bind(address, true);
}

void listener::bind(const socket_address& address, bool shared) {
    listen_on(acceptor_, address, shared);
    address_ = bound_address(acceptor_.native_handle());
    const std::string host = address_.host();
    wildcard_ = host == "0.0.0.0" || host == "::";
}

void listener::start() {
    for (const auto& other : others_) other->start();
    may_bring_sessions_.emplace(context_->registry);
    wait_for_client();
}

void listener::change(std::shared_ptr<const session_context> context) {
    for (const auto& other : others_) other->change(context);
    const std::lock_guard lock(mutex_);
    next_ = std::move(context);
    changed_ = true;
    if (ticket_) ticket_->wake(); // what it waits for may not be its own any more
}

// A client that connected after `change` finds it made; one that came before may find either.
void listener::take_change() {
    if (!changed_.load()) return;
    const std::lock_guard lock(mutex_);
    // When it is full, the connection at hand comes in under the rules it has waited by.
    const bool others = permit_ && &next_->admits != &context_->admits;
    std::optional<admission::permit> permit, handshake;
    if (others && !(permit = next_->admits.try_admit())) return;
    if (permit_ && next_->preambles && !(handshake = next_->handshakes.try_admit())) return;
    if (others) std::swap(permit_, permit);
    std::swap(handshake_permit_, handshake);
    permit.reset(); // before the rules go that they are of
    handshake.reset();
    context_ = std::move(next_);
    changed_ = false;
}

void listener::close() noexcept {
    for (const auto& other : others_) other->close();
    closing_ = true;
    pause_->wake();
    const std::lock_guard lock(mutex_); // with it the descriptor is still this listener's, or none
    // Refuses new connections at once, from whatever thread this is, and ends the wait for one.
    ::shutdown(acceptor_.native_handle(), SHUT_RD);
    if (ticket_) ticket_->wake();
}

bool listener::works() const noexcept {
    for (const auto& other : others_)
        if (!other->works()) return false;
    return !closing_ && !lost_;
}

// A permit is taken before a connection is accepted, but only once there is one to accept: a
// listener that nobody talks to holds none back from the others.
void listener::go_on() noexcept {
    leave_queue();
    if (closing_) return end();
    if (somebody_came_) {
        while (!take_permits())
            if (wait_for_permits()) return;
        somebody_came_ = false;
        accept_what_fits();
        permit_.reset();
        handshake_permit_.reset();
        if (pause_until_ > exchange_deadline::clock::now()) return wait_until(pause_until_);
    }
    wait_for_client();
}

// What the wait says, the accept says again.
void listener::wait_for_client() noexcept {
    somebody_came_ = true; // when it is over
    try {
        acceptor_.async_wait(tcp::acceptor::wait_read,
                             step(shared_from_this(), client_memory_, &listener::lost));
    } catch (...) {
        // It is lost.
    }
}

// Clients in their preamble have a share of their own: with all of it taken one connection is held
// back here, and the rest is for those who are further.
bool listener::take_permits() {
    if (!permit_) take_change();
    if (!permit_) permit_ = context_->admits.try_admit();
    if (permit_ && !handshake_permit_ && context_->preambles)
        handshake_permit_ = context_->handshakes.try_admit();
    return permit_ && (handshake_permit_ || !context_->preambles);
}

// False when there is one now.
bool listener::wait_for_permits() noexcept {
    std::shared_ptr<waiter> ticket;
    try {
        admission& lacking = permit_ ? context_->handshakes : context_->admits;
        ticket = lacking.join_unless_free(executor_);
        if (!ticket) return false;
        const std::lock_guard lock(mutex_);
        ticket_ = ticket;
        asked_ = context_; // other rules may be in force when the wait is over
    } catch (...) {
        back_off_a_while();
        return true;
    }
    if (closing_) ticket->wake();
    try {
        step next(shared_from_this(), queue_memory_, &listener::back_off_a_while);
        ticket->async_wait(waiter::time_point::max(), std::move(next));
    } catch (...) {
        // It backs off.
    }
    return true;
}

void listener::back_off_a_while() noexcept {
    wait_until(exchange_deadline::clock::now() + back_off);
}

void listener::leave_queue() noexcept {
    std::shared_ptr<const session_context> asked;
    std::shared_ptr<waiter> ticket;
    bool gives_up = false; // then the wake is somebody else's
    {
        const std::lock_guard lock(mutex_);
        ticket.swap(ticket_);
        asked.swap(asked_);
        gives_up = closing_ || changed_;
    }
    if (ticket) (permit_ ? asked->handshakes : asked->admits).leave(ticket, gives_up);
}

// Where there is no memory for a pause, there is none.
void listener::wait_until(exchange_deadline::clock::time_point when) noexcept {
    try {
        pause_->async_wait(when,
                           step(shared_from_this(), pause_memory_, &listener::wait_for_client));
    } catch (...) {
        // There is none.
    }
}

void listener::end() noexcept {
    permit_.reset();
    handshake_permit_.reset();
    {
        error_code ignored;
        const std::lock_guard lock(mutex_);
        acceptor_.close(ignored);
    }
    may_bring_sessions_.reset();
}

// Its executor had no memory for the next wait.
void listener::lost() noexcept {
    end();
    if (closing_) return; // its wait was given up with its event loop
    lost_ = true;
    try {
        const std::string address = to_string(address_);
        context_->log(log_level::error, "listener lost",
                      {{"address", address}, {"what", "no memory"}});
    } catch (...) {
        // It is not ready any more, which tells.
    }
}

// Nothing may end the loop but `close`: a gateway that does not accept any more helps nobody.
void listener::accept_what_fits() noexcept {
    try {
        accept_some();
    } catch (...) {
        // No memory, not even for a log line. Whatever was accepted is closed, and counted.
        pause_until_ = exchange_deadline::clock::now() + back_off;
    }
}

void listener::accept_some() {
    for (int i = 0; i < batch; ++i) {
        if (!take_permits()) return;
        const auto now = exchange_deadline::clock::now();
        if (const auto due = context_->admits.accept_at(now)) {
            pause_until_ = *due;
            return;
        }
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        auto* const peer = reinterpret_cast<sockaddr*>(&storage);
        unique_fd fd = accept_next(peer, &size);
        const int failed = fd ? 0 : errno;
        if (!fd) context_->admits.accepted_nobody();
        if (fd) {
            take_change();
            const socket_address from(peer, size);
            if (!context_->filter.admits(from) && !is_proxy(from))
                deny(std::move(fd), from);
            else if (!start_session(arrival(std::move(fd), context_->counters), from))
                return starve(ENOMEM);
        } else if (failed == EAGAIN) {
            return recover();
        } else if (failed == EMFILE || failed == ENFILE || failed == ENOBUFS || failed == ENOMEM) {
            return starve(failed);
        }
        // Anything else is about the one connection that failed (accept(2)): on to the next.
    }
    recover();
}

unique_fd listener::accept_next(sockaddr* peer, socklen_t* size) {
    const auto lock = shortage_->lock();
    return accept_from(acceptor_, peer, size);
}

void listener::starve(int error) {
    context_->counters.accept_errors.add();
    // Accepting at once again would fail at once again, millions of times a second.
    const auto now = exchange_deadline::clock::now();
    pause_until_ = now + back_off;
    if (shortage_->met(now)) {
        const error_code ec(error, boost::system::system_category());
        const std::string address = to_string(address_);
        const std::string what = ec.message();
        context_->log(log_level::error, "accept failed",
                      {{"address", address}, {"what", what}, {"back_off_ms", back_off.count()}});
    }
    if (error == EMFILE || error == ENFILE) refuse_with_spare();
}

// One client a pause: the others wait in the backlog, where a descriptor may become free for them.
void listener::refuse_with_spare() {
    const auto lock = shortage_->lock();
    if (!spare_) spare_ = open_spare();
    if (!spare_) return;
    spare_.reset();
    if (unique_fd fd = accept_from(acceptor_, nullptr, nullptr)) {
        shortage_->refused();
        refuse_at_once(std::move(fd));
    }
    spare_ = open_spare(); // after the client's descriptor is closed
}

// The shortage is over when nobody waits any more, or a whole batch came in: one accept between two
// failures is the same shortage, and not a line in the log each time.
void listener::recover() {
    if (!shortage_->is_on()) return;
    const auto was = shortage_->over(exchange_deadline::clock::now());
    if (!was) return;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(was->lasted).count();
    const std::string address = to_string(address_);
    context_->log(
        log_level::info, "accepting again",
        {{"address", address}, {"short_ms", std::int64_t{ms}}, {"refused", was->refused}});
}

// Without a session, for which there is no descriptor to spare.
void listener::refuse_at_once(unique_fd fd) const {
    context_->counters.accepted.add();
    context_->counters.refused_for(reason::busy).add();
    const refusal_style style = context_->config.on_refusal;
    const bool mute = context_->tls && style == refusal_style::line; // no line would be understood
    if (style == refusal_style::reset || mute) return;
    try {
        if (style == refusal_style::line) {
            const std::string line = refusal_line(reason::busy, request_id::generate());
            const ssize_t sent = ::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL);
            if (sent != static_cast<ssize_t>(line.size()))
                return; // a part of it would be an answer
            drop_input(fd.get());
        }
        reset_on_close(fd.get(), false);
    } catch (...) {
        // No memory for a line: a reset.
    }
}

// No line for whom nobody wants to talk to, and no end that could be taken for an empty reply
// either.
void listener::deny(unique_fd fd, const socket_address& peer) const {
    context_->counters.accepted.add();
    context_->counters.refused_for(reason::denied).add();
    if (context_->config.on_refusal == refusal_style::close) reset_on_close(fd.get(), false);
    fd.reset();
    if (context_->config.access_log == access_log::off) return;
    const std::string who = to_string(peer);
    context_->log(log_level::info, "denied",
                  {{"peer", who}, {"reason", to_string(reason::denied)}});
}

// False when there was no memory for it: then it was reset, and counted as refused.
bool listener::start_session(arrival came, const socket_address& peer) noexcept {
    try {
        std::optional<reason> refused;
        // A proxy stands for many: they are counted when it has said who they are.
        const bool proxied = is_proxy(peer);
        if (!proxied && !context_->admits.admit_source(*permit_, peer)) refused = reason::busy;
        const socket_address local = wildcard_ ? bound_address(came.fd()) : address_;
        accepted_client client(std::move(came), peer, local, std::move(*permit_),
                               context_->registry, refused);
        permit_.reset();
        if (context_->preambles) client.first = preamble_of(proxied);
        const asio::any_io_executor strand = sequence_on(executor_, one_thread_);
        asio::co_spawn(strand, serve(context_, strand, std::move(client)), report_end{context_});
        return true;
    } catch (...) {
        return false;
    }
}

bool listener::is_proxy(const socket_address& peer) const noexcept {
    return context_->preambles && contains(context_->config.proxy_protocol_from, peer);
}

// Null for a client that begins with its payload.
std::unique_ptr<preamble> listener::preamble_of(bool proxied) {
    if (!proxied && !context_->tls) return nullptr;
    admission::permit handshake = std::move(*handshake_permit_);
    handshake_permit_.reset();
    return std::make_unique<preamble>(proxied, context_->tls, std::move(handshake));
}

} // namespace finpost
