#pragma once

#include "net/unique_fd.hpp"

#include "finpost/config.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"

namespace finpost {

struct session_context;

/// How the connection of a client ends that gets no session.
enum class early_ending {
    reset, ///< no end that could be taken for an empty reply
    fin,
    line ///< and a FIN behind it
};

/// `tls`: the client waits for TLS, so no line would be understood. A client that is `denied` gets
/// no line either: nobody wants to talk to it.
early_ending ending_of_early_refusal(reason why, refusal_style style, bool tls) noexcept;

/// Refuses a connection that was just accepted, without a session: `denied`, or `busy` where there
/// is no descriptor to spare for one. Counts it; logs who was denied, which may throw
/// std::bad_alloc. Of `busy` there are many: the shortage is logged.
void refuse_early(unique_fd fd, reason why, const socket_address& peer,
                  const session_context& context);

} // namespace finpost
