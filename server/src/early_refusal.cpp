#include "early_refusal.hpp"

#include "net/reset_on_close.hpp"
#include "session/reply.hpp"
#include "session/session_context.hpp"

#include "finpost/metrics.hpp"
#include "finpost/request_id.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include <sys/socket.h>

namespace finpost {

namespace {

// What has come is read: otherwise a reset would overtake whatever is said to the client.
void drop_input(int fd) noexcept {
    std::array<std::byte, 16 << 10> scratch;
    for (int i = 0; i < 16; ++i)
        if (::recv(fd, scratch.data(), scratch.size(), MSG_DONTWAIT) <= 0) return;
}

// A part of the line would be an answer.
bool send_line(int fd, reason why) {
    const std::string line = refusal_line(why, request_id::generate());
    const ssize_t sent = ::send(fd, line.data(), line.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(line.size());
}

void end_connection(unique_fd fd, reason why, early_ending ending) noexcept {
    if (ending == early_ending::reset) return;
    try {
        if (ending == early_ending::line) {
            if (!send_line(fd.get(), why)) return;
            drop_input(fd.get());
        }
        reset_on_close(fd.get(), false);
    } catch (...) {
        // No memory for a line: a reset.
    }
}

} // namespace

early_ending ending_of_early_refusal(reason why, refusal_style style, bool tls) noexcept {
    switch (style) {
    case refusal_style::reset:
        return early_ending::reset;
    case refusal_style::close:
        return early_ending::fin;
    case refusal_style::line:
        break;
    }
    return tls || why == reason::denied ? early_ending::reset : early_ending::line;
}

void refuse_early(unique_fd fd, reason why, const socket_address& peer,
                  const session_context& context) {
    context.counters.accepted.add();
    context.counters.refused_for(why).add();
    const refusal_style style = context.config.on_refusal;
    end_connection(std::move(fd), why, ending_of_early_refusal(why, style, bool{context.tls}));
    if (why != reason::denied || context.config.access_log == access_log::off) return;
    const std::string who = to_string(peer);
    context.log(log_level::info, "denied", {{"peer", who}, {"reason", to_string(why)}});
}

} // namespace finpost
