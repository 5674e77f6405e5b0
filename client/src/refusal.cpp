#include "refusal_line.hpp"

#include "finpost/client.hpp"

namespace finpost {

std::optional<refusal> detect_refusal(std::string_view reply) {
    if (!reply.starts_with(detail::refusal_prefix) || !reply.ends_with('\n')) return std::nullopt;
    reply.remove_prefix(detail::refusal_prefix.size());
    reply.remove_suffix(1);
    const std::size_t space = reply.find(' ');
    if (space == reply.npos) return std::nullopt;
    const std::string_view id = reply.substr(space + 1);
    if (!detail::is_request_id(id)) return std::nullopt;
    const auto why = parse_reason(reply.substr(0, space));
    if (!why) return std::nullopt;
    return refusal{*why, std::string(id)};
}

std::string_view to_string(exchange_stage stage) noexcept {
    switch (stage) {
    case exchange_stage::payload:
        return "payload";
    case exchange_stage::resolve:
        return "resolve";
    case exchange_stage::connect:
        return "connect";
    case exchange_stage::handshake:
        return "handshake";
    case exchange_stage::send:
        return "send";
    case exchange_stage::wait:
        return "wait";
    case exchange_stage::receive:
        return "receive";
    case exchange_stage::done:
        break;
    }
    return "done";
}

} // namespace finpost
