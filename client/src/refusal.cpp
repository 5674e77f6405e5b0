#include "refusal_line.hpp"

#include "finpost/client.hpp"

namespace finpost {

namespace {

constexpr std::size_t id_size = 36;

// RFC 9562 §4: groups of 8, 4, 4, 4 and 12 hexadecimal digits, as the gateway writes them.
bool is_id(std::string_view text) {
    if (text.size() != id_size) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool digit = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (dash ? text[i] != '-' : !digit) return false;
    }
    return true;
}

} // namespace

std::optional<refusal> detect_refusal(std::string_view reply) {
    if (!reply.starts_with(detail::refusal_prefix) || !reply.ends_with('\n')) return std::nullopt;
    reply.remove_prefix(detail::refusal_prefix.size());
    reply.remove_suffix(1);
    const std::size_t space = reply.find(' ');
    if (space == reply.npos) return std::nullopt;
    const std::string_view id = reply.substr(space + 1);
    if (!is_id(id)) return std::nullopt;
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
