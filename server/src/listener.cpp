#include "listener.hpp"

#include "policy/wait_queue.hpp"
#include "reply.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

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

unique_fd open_spare() noexcept { return unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

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

void listen_on(tcp::acceptor& acceptor, const socket_address& address) {
    try {
        tcp::endpoint endpoint;
        endpoint.resize(address.size());
        std::memcpy(endpoint.data(), address.data(), address.size());
        acceptor.open(endpoint.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        // So that 0.0.0.0:5000 and [::]:5000 can stand side by side.
        if (address.is_v6()) acceptor.set_option(asio::ip::v6_only(true));
        acceptor.bind(endpoint);
        acceptor.listen(backlog);
        acceptor.non_blocking(true);
    } catch (const boost::system::system_error& failed) {
        throw boost::system::system_error(failed.code(), "cannot listen on " + to_string(address));
    }
}

// What a session leaves behind when it ends: nothing, or a bug to report.
struct report_end {
    std::shared_ptr<const session_context> context;
    void operator()(std::exception_ptr failed) const {
        if (!failed) return;
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

listener::listener(asio::any_io_executor executor, std::shared_ptr<const session_context> context,
                   admission& admits, const socket_address& address)
    : executor_(executor), strand_(asio::make_strand(executor)), context_(std::move(context)),
      admission_(admits), acceptor_(strand_), spare_(open_spare()) {
    listen_on(acceptor_, address);
    address_ = bound_address(acceptor_.native_handle());
    const std::string host = address_.host();
    wildcard_ = host == "0.0.0.0" || host == "::";
}

void listener::start() {
    // The coroutine's `this` is kept alive by the completion handler.
    asio::co_spawn(strand_, run(), [self = shared_from_this()](std::exception_ptr failed) {
        report_end{self->context_}(failed);
    });
}

void listener::close() noexcept {
    // Refuses new connections at once, from whatever thread this is; the rest happens on the strand.
    ::shutdown(acceptor_.native_handle(), SHUT_RD);
    asio::post(strand_, [self = shared_from_this()] {
        self->dog_.stop(reason::draining);
        error_code ignored;
        self->acceptor_.close(ignored);
    });
}

// A permit is taken before a connection is accepted, but only once there is one to accept: a listener
// that nobody talks to holds none back from the others.
asio::awaitable<void> listener::run() {
    const session_gate::hold may_bring_sessions(context_->gate);
    const watchdog::guard cancel(dog_, [this] { error_code ec; acceptor_.cancel(ec); });
    while (!dog_.error()) {
        auto [ec] = co_await acceptor_.async_wait(tcp::acceptor::wait_read,
                                                  asio::as_tuple(asio::use_awaitable));
        co_await wait_for_permit();
        if (!ec && !dog_.error()) accept_some();
        permit_.reset();
        co_await pause();
    }
}

asio::awaitable<void> listener::wait_for_permit() {
    while (!permit_ && !dog_.error()) {
        permit_ = admission_.try_admit();
        if (permit_) break;
        auto turn = admission_.join_unless_free(strand_);
        if (!turn) continue;
        co_await turn->wait(dog_);
        admission_.leave(turn);
    }
}

asio::awaitable<void> listener::pause() {
    if (pause_until_ <= watchdog::clock::now() || dog_.error()) co_return;
    auto alarm_clock = std::make_shared<waiter>(strand_);
    co_await alarm_clock->wait(dog_, pause_until_);
}

void listener::accept_some() {
    for (int i = 0; i < batch; ++i) {
        if (!permit_) permit_ = admission_.try_admit();
        if (!permit_) return;
        const auto now = watchdog::clock::now();
        if (const auto due = admission_.accept_at(now)) {
            pause_until_ = *due;
            return;
        }
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        auto* const peer = reinterpret_cast<sockaddr*>(&storage);
        unique_fd fd = accept_from(acceptor_, peer, &size);
        if (fd) {
            starving_ = false;
            if (!start_session(std::move(fd), socket_address(peer, size))) return starve(ENOMEM);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return starve(errno);
        }
        // Anything else is about the one connection that failed (accept(2)): on to the next.
    }
}

void listener::starve(int error) {
    context_->counters.accept_errors.add();
    // Accepting at once again would fail at once again, millions of times a second.
    pause_until_ = watchdog::clock::now() + back_off;
    if (!starving_) {
        const error_code ec(error, boost::system::system_category());
        const std::string address = to_string(address_);
        const std::string what = ec.message();
        context_->log(log_level::error, "accept failed",
                      {{"address", address}, {"what", what}, {"back_off_ms", back_off.count()}});
    }
    starving_ = true;
    if (!spare_) spare_ = open_spare();
    if (!spare_ || (error != EMFILE && error != ENFILE)) return;
    spare_.reset();
    if (const unique_fd fd = accept_from(acceptor_, nullptr, nullptr)) refuse_at_once(fd.get());
    spare_ = open_spare();
}

// Without a session, for which there is no descriptor to spare.
void listener::refuse_at_once(int fd) const {
    context_->counters.accepted.add();
    context_->counters.refused_for(reason::busy).add();
    const refusal_style style = context_->config.on_refusal;
    if (style == refusal_style::line) {
        const std::string line = refusal_line(reason::busy, request_id::generate());
        static_cast<void>(::send(fd, line.data(), line.size(), MSG_NOSIGNAL));
    } else if (style == refusal_style::reset) {
        const linger at_once{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
}

// False when there were no resources for it: the connection is closed then, and counted as refused.
bool listener::start_session(unique_fd fd, const socket_address& peer) noexcept {
    context_->counters.accepted.add();
    try {
        std::optional<reason> refused;
        if (!admission_.admit_source(*permit_, peer)) refused = reason::busy;
        const socket_address local = wildcard_ ? bound_address(fd.get()) : address_;
        accepted_client client(std::move(fd), peer, local, std::move(*permit_),
                               context_->gate, refused);
        permit_.reset();
        const asio::any_io_executor strand = asio::make_strand(executor_);
        asio::co_spawn(strand, serve(context_, strand, std::move(client)), report_end{context_});
        return true;
    } catch (...) {
        context_->counters.refused_for(reason::internal).add();
        return false;
    }
}

} // namespace finpost
