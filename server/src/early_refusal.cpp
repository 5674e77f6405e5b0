#include "early_refusal.hpp"

#include "net/reset_on_close.hpp"
#include "reply_format/reply_forms.hpp"
#include "reply_format/reply_frame.hpp"
#include "session/exchange_record.hpp"
#include "session/reply.hpp"
#include "session/session_context.hpp"

#include "finpost/request_id.hpp"

#include <array>
#include <cstddef>
#include <new>
#include <optional>
#include <string>

#include <sys/socket.h>

namespace finpost::detail {

namespace {

// Input that was not read would make a reset of the FIN, which would overtake the line before it.
void drop_input(int fd) noexcept {
    std::array<std::byte, 16 << 10> scratch;
    for (int i = 0; i < 16; ++i)
        if (::recv(fd, scratch.data(), scratch.size(), MSG_DONTWAIT) <= 0) return;
}

/// The bytes that were sent of the refusal's line.
std::size_t send_line(int fd, reason why, const request_id& id, const socket_address& peer,
                      std::uint16_t local_port, const session_context& context,
                      outcome& result) noexcept {
    try {
        const std::string peer_ip = peer.host();
        reply_facts facts{.kind = reply_kind::refusal, .why = why, .request_id = id.text()};
        facts.peer_ip = peer_ip;
        facts.peer_port = peer.port();
        facts.local_port = local_port;
        const auto text = refusal_text(context.forms, facts, id, nullptr);
        if (!text) return 0; // a reset
        const std::optional<std::string> line = framed(context.config, *text);
        if (!line) return 0; // a reset
        const ssize_t sent = ::send(fd, line->data(), line->size(), MSG_NOSIGNAL);
        if (sent <= 0) return 0;
        const auto n = static_cast<std::size_t>(sent);
        result.farewell_sent(n == line->size()); // a part of the line would be an answer
        return n;
    } catch (const std::bad_alloc&) {
        return 0; // a reset
    }
}

} // namespace

outcome outcome_of_early_refusal(reason why, const gateway_config& config, bool tls) noexcept {
    outcome result(config);
    if (tls) result.expect_tls();
    if (why == reason::denied)
        result.deny();
    else
        result.refuse(why);
    return result;
}

void refuse_early(accepted_socket accepted, reason why, const socket_address& peer,
                  std::uint16_t local_port, const session_context& context) {
    const auto now = exchange_deadline::clock::now();
    const request_id id = request_id::generate();
    outcome result = outcome_of_early_refusal(why, context.config, bool{context.tls});
    const unique_fd fd(accepted.hand_over()); // nothing can fail from here on
    std::size_t said = 0;
    if (result.say(true, false) == outcome::farewell::line)
        said = send_line(fd.get(), why, id, peer, local_port, context, result);
    if (result.end() == outcome::ending::fin) drop_input(fd.get());
    const exchange_record refused{.id = id,
                                  .peer = peer,
                                  .result = result,
                                  .stage = session_stage::refuse,
                                  .bytes_in = 0,
                                  .bytes_out = said,
                                  .upstream = {},
                                  .status = 0,
                                  .accepted = now,
                                  .received = now,
                                  .answered = now,
                                  .sampled = id.sampled(context.config.trace_sampled),
                                  .stopped = false};
    record(refused, context.counters, context.log, context.config.access_log);
    if (result.end() == outcome::ending::fin) reset_on_close(fd.get(), false);
}

} // namespace finpost::detail
