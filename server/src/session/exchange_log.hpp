#pragma once

#include "session/payload_codec.hpp"
#include "session/session_context.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/request_id.hpp"

#include <string_view>

namespace finpost::detail {

class accepted_client;
class foreign_bytes;

/// A connection was accepted, at level debug.
void log_accepted(const session_context& context, const accepted_client& client,
                  const request_id& id);

/// A proxy has said for which peer it speaks, at level debug.
void log_proxied(const session_context& context, const socket_address& peer,
                 const socket_address& proxy, const request_id& id);

/// Why the handshake, or the PROXY header before it, has failed.
void log_handshake_failed(const session_context& context, const socket_address& peer,
                          const request_id& id, reason why, std::string_view what);

/// Why TLS has failed behind its handshake.
void log_tls_failed(const session_context& context, const socket_address& peer,
                    const request_id& id, std::string_view what);

/// Warns that a payload which is forwarded is an HTTP request or a TLS ClientHello, not more often
/// than `foreign_warning` says: it is a health check or a scan, and `foreign` would deal with it.
/// Nothing is said where payloads are decoded.
void log_foreign(const session_context& context, const socket_address& peer, const request_id& id,
                 const foreign_bytes& first);

/// Where a payload's encoding is bad, at level debug.
void log_bad_encoding(const session_context& context, const request_id& id,
                      const payload_fault& error);

/// Why what came is no frame, at level debug.
void log_bad_frame(const session_context& context, const request_id& id, std::string_view what);

/// Why the frame of a reply cannot carry it, at level debug.
void log_unframeable(const session_context& context, const request_id& id, std::string_view what);

/// What a handler has thrown. In a catch block.
void log_handler_failed(const session_context& context, const request_id& id);

} // namespace finpost::detail
