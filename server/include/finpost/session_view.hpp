#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/export.hpp"
#include "finpost/request_id.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace finpost {

/// What a session is busy with.
enum class session_stage {
    handshake, ///< what comes before the payload: a PROXY header, a TLS handshake
    pause,     ///< before a frame, where payloads are framed: nothing of it has come
    receive,   ///< the payload: until its end
    stream, ///< payload and reply pass through: the client is still sending, or was when it began
    handle, ///< its handler works: the upstream is asked
    reply,  ///< the reply is written
    refuse, ///< a refusal is written, and what the client still sends is dropped
};

/// The stable word, e.g. `receive`. A string literal.
FINPOST_EXPORT std::string_view to_string(session_stage stage) noexcept;

/// A session as it was at one moment: a copy, which may outlive session and gateway. The numbers
/// move on while they are read: together they are no more exact than that.
struct session_view {
    request_id id;
    socket_address peer;  ///< the client's; as the PROXY header tells it, where there is one
    socket_address local; ///< the one it connected to; likewise
    session_stage stage;
    std::chrono::nanoseconds age;     ///< since the connection was accepted
    std::uint64_t bytes_in;           ///< received of the payload, before decoding
    std::uint64_t bytes_out;          ///< written of the reply or the refusal
    std::uint64_t exchanges = 0;      ///< that have ended on this connection
    std::chrono::nanoseconds pause{}; ///< before the frame, so far; 0 outside of `pause`
};

} // namespace finpost
