#include "reply_format/reply_forms.hpp"

#include "reply_format/hl7_answer.hpp"
#include "reply_format/reply_text.hpp"

#include "finpost/request_id.hpp"

#include <array>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

namespace finpost::detail {

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

reply_form form_of(reply_format format) noexcept {
    switch (format) {
    case reply_format::status:
        return reply_form::status;
    case reply_format::json:
        return reply_form::json;
    case reply_format::ack_nak:
        return reply_form::ack_nak;
    case reply_format::body:
    case reply_format::hl7: // has texts of its own
        break;
    }
    return reply_form::body;
}

// What stands around a body, or in its place.
error_code replace(payload& body, const reply_parts& parts) {
    if (parts.before.empty() && parts.after.empty() && parts.with_body) return {};
    const std::size_t inner = parts.with_body ? body.size() : 0;
    const std::size_t size = parts.before.size() + inner + parts.after.size();
    payload whole(body.budget());
    if (size > 0 && !whole.reserve(size)) return reason::internal;
    whole.append(bytes_of(parts.before));
    if (parts.with_body) whole.append(body.bytes());
    whole.append(bytes_of(parts.after));
    body = std::move(whole);
    return {};
}

error_code acknowledge(payload& body, const request_id& id, const hl7_header& sent) {
    switch (judge_hl7_body(sent, body.text())) {
    case hl7_body::relayed:
        return {};
    case hl7_body::invalid:
        return reason::upstream_invalid;
    case hl7_body::acknowledged:
        break;
    }
    const auto text =
        hl7_answer_text(hl7_event::answered, &sent, {}, id, std::chrono::system_clock::now());
    return replace(body, {text.value_or(std::string()), false, {}});
}

} // namespace

parsed<reply_template> reply_template_of(const gateway_config& config, reply_kind kind) {
    const bool of_reply = kind == reply_kind::reply;
    return parse_reply_template(of_reply ? config.reply_template : config.refusal_template, kind);
}

std::unique_ptr<hl7_header> hl7_header_of(const payload& message) {
    std::array<std::byte, longest_hl7_header + 1> first;
    const auto got = message.read(0, first);
    if (got.has_error()) return nullptr;
    const std::string_view text(reinterpret_cast<const char*>(first.data()), *got);
    const bool whole = *got == message.size();
    auto header = parse_hl7_header(text, whole ? hl7_extent::whole : hl7_extent::beginning);
    return header ? std::make_unique<hl7_header>(std::move(*header)) : nullptr;
}

std::optional<std::string> refusal_text(const reply_forms& forms, const reply_facts& facts,
                                        const request_id& id, const hl7_header* sent) {
    if (forms.refusal) return forms.refusal->render(facts).whole({});
    if (!forms.are_hl7()) return reply_text(form_of(forms.format), facts).whole({});
    std::string why(to_string(facts.why));
    why += ' ';
    why += id.text();
    return hl7_answer_text(hl7_event_of(facts.why), sent, why, id,
                           std::chrono::system_clock::now());
}

error_code give_form(const reply_forms& forms, payload& body, const reply_facts& facts,
                     const request_id& id, const hl7_header* sent) {
    if (forms.reply) return replace(body, forms.reply->render(facts));
    if (forms.are_hl7())
        return sent == nullptr ? error_code(reason::internal) : acknowledge(body, id, *sent);
    reply_facts with_body = facts;
    with_body.body = body.text();
    return replace(body, reply_text(form_of(forms.format), with_body));
}

} // namespace finpost::detail
