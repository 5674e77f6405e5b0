#pragma once

#include "finpost/payload.hpp"

#include <string>
#include <string_view>

namespace finpost::detail {

/// What somebody who has stored a payload, or may have to, asks of the forwarder beside the reply,
/// and what the forwarder tells. It outlives the exchange.
struct delivery_notes {
    /// The request's Idempotency-Key; empty: the request's id.
    std::string_view idempotency_key = {};
    /// The payload is kept to the end, and is in `payload` then.
    bool keeps_payload = false;

    /// What the response said in Retry-After (RFC 9110 §10.2.3); empty without one.
    std::string retry_after = {};
    /// Of a response that is not relayed: the body's beginning.
    std::string beginning = {};
    static constexpr std::size_t longest_beginning = 512;
    finpost::payload payload = {};
};

} // namespace finpost::detail
