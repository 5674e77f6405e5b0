#include "accept_shortage.hpp"

#include "early_refusal.hpp"
#include "session/session_context.hpp"

#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"

#include <cstdint>
#include <string>
#include <utility>

#include <fcntl.h>

namespace finpost::detail {

namespace {

unique_fd open_spare() noexcept { return unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

} // namespace

accept_shortage::accept_shortage(std::shared_ptr<resource_shortage> shared)
    : shared_(std::move(shared)), spare_(open_spare()) {}

accept_shortage::clock::time_point accept_shortage::met(error_code error, listening_socket& socket,
                                                        const session_context& context) {
    context.counters.accept_errors.add();
    const auto now = clock::now();
    if (shared_->met(now)) {
        const std::string address = to_string(socket.address());
        const std::string what = error.message();
        context.log(
            log_level::error, "accept failed",
            {{"address", address}, {"what", what}, {"back_off_ms", accept_back_off.count()}});
    }
    if (lacks_descriptor(error)) refuse_with_spare(socket, context);
    // Accepting at once again would fail at once again, millions of times a second.
    return now + accept_back_off;
}

// One client a pause: the others wait in the backlog, where a descriptor may become free for them.
void accept_shortage::refuse_with_spare(listening_socket& socket, const session_context& context) {
    const auto lock = shared_->lock();
    if (!spare_) spare_ = open_spare();
    if (!spare_) return;
    spare_.reset();
    listening_socket::accepted client = socket.accept();
    if (client.fd) {
        shared_->refused();
        accepted_socket accepted(std::move(client.fd), context.counters);
        refuse_early(std::move(accepted), reason::busy, client.peer, socket.address().port(),
                     context);
    }
    spare_ = open_spare(); // after the client's descriptor is closed
}

void accept_shortage::over(const listening_socket& socket, const session_context& context) {
    if (!shared_->is_on()) return;
    const auto was = shared_->over(clock::now());
    if (!was) return;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(was->lasted).count();
    const std::string address = to_string(socket.address());
    context.log(log_level::info, "accepting again",
                {{"address", address}, {"short_ms", std::int64_t{ms}}, {"refused", was->refused}});
}

} // namespace finpost::detail
