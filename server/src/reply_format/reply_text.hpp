#pragma once

#include "reply_format/reply_facts.hpp"

#include <cstdint>

namespace finpost::detail {

/// How a client is told what became of its payload.
enum class reply_form : std::uint8_t {
    body,    ///< the body as it is; else `finpost: <reason> <request id>\n`, or `queued` there
    status,  ///< a line `200 <request id>\n`, then the body; else `refused <reason> <request id>\n`
             ///< or `queued <request id>\n`
    json,    ///< one line: {"id","outcome","status","reason","body"}, in this order, without what
             ///< there is not. A body that is not UTF-8 is "body_base64" instead
    ack_nak, ///< one byte: 06 for an answer of 2xx and for a receipt, else 15
};

/// The text of `facts` in this form. Linear in the body, which a JSON text holds, and in no other
/// form is looked at. Throws std::bad_alloc: a JSON text takes up to six times the body's size.
reply_parts reply_text(reply_form form, const reply_facts& facts);

} // namespace finpost::detail
