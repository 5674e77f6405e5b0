#include "session/exchange_log.hpp"

#include "policy/foreign.hpp"
#include "policy/log_throttle.hpp"
#include "session/accepted_client.hpp"

#include <chrono>
#include <exception>
#include <string>

namespace finpost::detail {

void log_accepted(const session_context& context, const accepted_client& client,
                  const request_id& id) {
    if (!context.log.enabled(log_level::debug)) return;
    const std::string peer = to_string(client.peer);
    const std::string local = to_string(client.local);
    context.log(log_level::debug, "accepted",
                {{"id", id.text()},
                 {"family", client.peer.is_v6() ? "AF_INET6" : "AF_INET"},
                 {"type", "SOCK_STREAM"},
                 {"local", local},
                 {"remote", peer}});
}

void log_proxied(const session_context& context, const socket_address& peer,
                 const socket_address& proxy, const request_id& id) {
    if (!context.log.enabled(log_level::debug)) return;
    const std::string client = to_string(peer);
    const std::string by = to_string(proxy);
    context.log(log_level::debug, "proxied", {{"id", id.text()}, {"peer", client}, {"proxy", by}});
}

void log_handshake_failed(const session_context& context, const socket_address& peer,
                          const request_id& id, reason why, std::string_view what) {
    const std::string from = to_string(peer);
    context.log(log_level::info, "handshake failed",
                {{"id", id.text()}, {"peer", from}, {"reason", to_string(why)}, {"what", what}});
}

void log_tls_failed(const session_context& context, const socket_address& peer,
                    const request_id& id, std::string_view what) {
    const std::string from = to_string(peer);
    context.log(log_level::info, "tls failed", {{"id", id.text()}, {"peer", from}, {"what", what}});
}

void log_foreign(const session_context& context, const socket_address& peer, const request_id& id,
                 const foreign_bytes& first) {
    if (!first.is_foreign() || !is_plain(context.config.decode)) return;
    if (!context.foreign_warning.is_due(std::chrono::steady_clock::now())) return;
    const std::string from = to_string(peer);
    const bool hello = first.is() == foreign_bytes::kind::client_hello;
    context.log(log_level::warning, "foreign payload",
                {{"id", id.text()},
                 {"peer", from},
                 {"what", hello ? "a TLS ClientHello is forwarded as a payload: see --foreign"
                                : "an HTTP request is forwarded as a payload: see --foreign"}});
}

void log_bad_encoding(const session_context& context, const request_id& id,
                      const payload_fault& error) {
    context.log(log_level::debug, "bad encoding",
                {{"id", id.text()},
                 {"cause", error.cause},
                 {"offset", static_cast<std::int64_t>(error.offset)}});
}

void log_bad_frame(const session_context& context, const request_id& id, std::string_view what) {
    context.log(log_level::debug, "bad frame", {{"id", id.text()}, {"what", what}});
}

void log_unframeable(const session_context& context, const request_id& id, std::string_view what) {
    context.log(log_level::debug, "reply unframeable", {{"id", id.text()}, {"what", what}});
}

void log_handler_failed(const session_context& context, const request_id& id) {
    try {
        throw;
    } catch (const std::exception& bug) {
        context.log(log_level::error, "handler failed", {{"id", id.text()}, {"what", bug.what()}});
    } catch (...) {
        context.log(log_level::error, "handler failed", {{"id", id.text()}, {"what", "unknown"}});
    }
}

} // namespace finpost::detail
