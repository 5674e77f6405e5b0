#pragma once

#include "finpost/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace finpost::detail {

/// What a client is told at the end of an exchange.
enum class reply_kind : std::uint8_t {
    reply,   ///< the service's answer
    refusal, ///< that there is none, and why
    receipt, ///< that its payload is stored
};

/// Its word in the access log.
constexpr std::string_view outcome_word(reply_kind kind) noexcept {
    switch (kind) {
    case reply_kind::reply:
        return "replied";
    case reply_kind::refusal:
        return "refused";
    case reply_kind::receipt:
        break;
    }
    return "queued";
}

/// What there is to tell. Views, which the caller keeps alive.
struct reply_facts {
    reply_kind kind = reply_kind::reply;
    /// The service's HTTP status; 0: there was none.
    int status = 0;
    /// Of a refusal.
    reason why = reason::internal;
    std::string_view request_id = {};
    /// Of a reply. Only `reply_form::json` looks at it.
    std::string_view body = {};
    std::string_view peer_ip = {};
    std::uint16_t peer_port = 0;
    std::uint16_t local_port = 0;
    std::uint64_t payload_bytes = 0;
    std::string_view tls_peer_name = {};

    /// A handler that has no HTTP status to tell has answered all the same.
    int status_of_reply() const noexcept { return status == 0 ? 200 : status; }
    /// Of a reply: the service has taken the payload.
    bool is_success() const noexcept { return status_of_reply() >= 200 && status_of_reply() < 300; }
};

/// What a client gets: `before`, the body if it is `with_body`, `after`. The body is not copied, so
/// that it may stay in its file.
struct reply_parts {
    std::string before;
    bool with_body = false;
    std::string after;

    /// All of it, for what is short.
    std::string whole(std::string_view body) const {
        std::string out = before;
        if (with_body) out += body;
        return out += after;
    }
    friend bool operator==(const reply_parts&, const reply_parts&) = default;
};

} // namespace finpost::detail
