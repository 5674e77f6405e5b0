#include "finpost/client.hpp"

#include <algorithm>

namespace finpost {

namespace {

constexpr std::string_view prefix = "finpost: ";
constexpr std::size_t id_size = 36;

bool is_id(std::string_view text) {
    return text.size() == id_size && std::all_of(text.begin(), text.end(), [](char c) {
        return c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

} // namespace

std::optional<refusal> parse_refusal(std::string_view reply) {
    if (!reply.starts_with(prefix) || !reply.ends_with('\n')) return std::nullopt;
    reply.remove_prefix(prefix.size());
    reply.remove_suffix(1);
    const std::size_t space = reply.find(' ');
    if (space == reply.npos) return std::nullopt;
    const std::string_view id = reply.substr(space + 1);
    refusal read{reason::internal, std::string(id)};
    if (!is_id(id) || !from_string(reply.substr(0, space), read.why)) return std::nullopt;
    return read;
}

std::string_view to_string(exchange_stage stage) noexcept {
    switch (stage) {
    case exchange_stage::resolve: return "resolve";
    case exchange_stage::connect: return "connect";
    case exchange_stage::send: return "send";
    case exchange_stage::wait: return "wait";
    case exchange_stage::receive: return "receive";
    case exchange_stage::done: break;
    }
    return "done";
}

} // namespace finpost
