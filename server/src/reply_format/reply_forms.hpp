#pragma once

#include "reply_format/hl7.hpp"
#include "reply_format/reply_facts.hpp"
#include "reply_format/reply_template.hpp"

#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <memory>
#include <optional>
#include <string>

namespace finpost {
class request_id;
}

namespace finpost::detail {

/// How clients of a group are told what became of their payloads: `reply_format`, and the templates
/// in its place.
struct reply_forms {
    reply_format format = reply_format::body;
    std::optional<reply_template> reply, refusal;

    /// Whether a reply is its body and nothing else.
    bool are_bodies() const noexcept { return format == reply_format::body && !reply; }
    /// Whether what is received has to be HL7.
    bool are_hl7() const noexcept { return format == reply_format::hl7; }
};

/// The forms of a configuration; a problem of a template names its place.
parsed<reply_template> reply_template_of(const gateway_config& config, reply_kind kind);

/// The header of the message that a payload is; null where it is none. Throws std::bad_alloc.
std::unique_ptr<hl7_header> hl7_header_of(const payload& message);

/// What a client reads in place of an answer, before its frame; nothing where it has asked for
/// nothing. `facts` have the reason, and `sent` is null without HL7. Throws std::bad_alloc.
std::optional<std::string> refusal_text(const reply_forms& forms, const reply_facts& facts,
                                        const request_id& id, const hl7_header* sent);

/// Gives a body the form of a reply. Fails with `upstream_invalid` where an HL7 body acknowledges
/// another message, and with `internal` where there is no memory for the text. Throws
/// std::bad_alloc.
error_code give_form(const reply_forms& forms, payload& body, const reply_facts& facts,
                     const request_id& id, const hl7_header* sent);

} // namespace finpost::detail
