#pragma once

#include "session/accepted_client.hpp"
#include "session/outcome.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"

#include <cstdint>

namespace finpost::detail {

struct session_context;

/// What becomes of a client that gets no session. `tls`: it waits for a TLS handshake.
outcome outcome_of_early_refusal(reason why, const gateway_config& config, bool tls) noexcept;

/// Refuses a connection that was just accepted, without a session: `denied`, or `busy` where there
/// is no descriptor to spare for one. It is counted and logged as any other exchange. May throw
/// std::bad_alloc, and `accepted` is refused as `internal` then.
void refuse_early(accepted_socket accepted, reason why, const socket_address& peer,
                  std::uint16_t local_port, const session_context& context);

} // namespace finpost::detail
