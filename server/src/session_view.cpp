#include "finpost/session_view.hpp"

namespace finpost {

std::string_view to_string(session_stage stage) noexcept {
    switch (stage) {
    case session_stage::handshake:
        return "handshake";
    case session_stage::pause:
        return "pause";
    case session_stage::receive:
        return "receive";
    case session_stage::stream:
        return "stream";
    case session_stage::handle:
        return "handle";
    case session_stage::reply:
        return "reply";
    case session_stage::refuse:
        break;
    }
    return "refuse";
}

} // namespace finpost
