#include "reply_format/reply_forms.hpp"

#include "reply_format/hl7_answer.hpp"
#include "reply_format/reply_frame.hpp"
#include "reply_format/reply_text.hpp"

#include "finpost/request_id.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace finpost::detail {

namespace {

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

// The text of a reply, but for HL7.
reply_parts reply_of(const reply_forms& forms, const reply_facts& facts) {
    return forms.reply ? forms.reply->render(facts) : reply_text(form_of(forms.format), facts);
}

// What stands in the place of a body: little, so that it waits for no memory.
void replace(payload& body, std::string text) { body = payload(std::move(text)); }

// In the memory of the body: a copy of it would need as much again.
bool surround_in_place(payload& body, const reply_parts& parts) {
    const std::size_t size = body.size(), before = parts.before.size(), after = parts.after.size();
    if (body.spilled() || !body.reserve(before + after)) return false;
    body.commit(before + after);
    std::byte* const text = body.data();
    std::memmove(text + before, text, size);
    std::memcpy(text, parts.before.data(), before);
    std::memcpy(text + before + size, parts.after.data(), after);
    return true;
}

// Of a body in a file, what stands around it goes into a payload of its own with it.
error_code surround(payload& body, const reply_parts& parts, byte_budget& replies) {
    if (!parts.with_body) return replace(body, parts.whole({})), error_code();
    if (parts.before.empty() && parts.after.empty()) return {};
    if (surround_in_place(body, parts)) return {};
    payload whole(&replies);
    error_code failed = whole.write(std::as_bytes(std::span(parts.before)));
    std::array<std::byte, 16 << 10> piece;
    for (std::uint64_t at = 0; !failed && at < body.size();) {
        const auto got = body.read(at, piece);
        if (got.has_error()) return reason::spill_failed;
        failed = whole.write(std::span(piece).first(*got));
        at += *got;
    }
    if (!failed) failed = whole.write(std::as_bytes(std::span(parts.after)));
    // The service has done its work: nothing that says the contrary.
    if (failed) return failed == reason::busy ? reason::upstream_incomplete : reason::spill_failed;
    body = std::move(whole);
    return {};
}

// The body's first bytes, as many as there are up to `most`.
result<std::string> beginning(const payload& body, std::size_t most) {
    std::string text(std::min<std::uint64_t>(body.size(), most), '\0');
    const auto got = body.read(0, std::as_writable_bytes(std::span(text)));
    if (got.has_error()) return got.error();
    text.resize(*got);
    return text;
}

error_code acknowledge(payload& body, const reply_facts& facts, const request_id& id,
                       const hl7_header& sent) {
    const auto first = beginning(body, farthest_hl7_msa + 1);
    if (first.has_error()) return reason::spill_failed;
    switch (judge_hl7_body(sent, *first)) {
    case hl7_body::relayed:
        return {};
    case hl7_body::invalid:
        return reason::upstream_invalid;
    case hl7_body::acknowledged:
        break;
    }
    if (!facts.is_success()) return reason::upstream_status; // that was relayed
    const auto text =
        hl7_answer_text(hl7_event::answered, &sent, {}, id, std::chrono::system_clock::now());
    return replace(body, text.value_or(std::string())), error_code();
}

error_code to_json(payload& body, reply_facts facts) {
    if (body.size() > largest_json_body) return reason::reply_too_large;
    const auto text = beginning(body, largest_json_body);
    if (text.has_error()) return reason::spill_failed;
    facts.body = *text;
    return replace(body, reply_text(reply_form::json, facts).whole({})), error_code();
}

} // namespace

result<std::unique_ptr<hl7_header>> hl7_header_of(const payload& message, bool complete) {
    const auto text = beginning(message, longest_hl7_header + 1);
    if (text.has_error()) return text.error();
    const bool whole = complete && text->size() == message.size();
    auto header = parse_hl7_header(*text, whole ? hl7_extent::whole : hl7_extent::beginning);
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

std::optional<std::string> receipt_text(const reply_forms& forms, const reply_facts& facts,
                                        const request_id& id, const hl7_header* sent) {
    if (forms.receipt) return forms.receipt->render(facts).whole({});
    if (!forms.are_hl7()) return reply_text(form_of(forms.format), facts).whole({});
    return hl7_answer_text(hl7_event::stored, sent, {}, id, std::chrono::system_clock::now());
}

error_code give_form(const reply_forms& forms, payload& body, byte_budget& replies,
                     const reply_facts& facts, const request_id& id, const hl7_header* sent) {
    if (!forms.reply && forms.are_hl7())
        return sent == nullptr ? reason::internal : acknowledge(body, facts, id, *sent);
    if (!forms.reply && forms.format == reply_format::json) return to_json(body, facts);
    return surround(body, reply_of(forms, facts), replies);
}

bool are_carried(const reply_forms& forms, const gateway_config& config) {
    const request_id id = request_id::generate();
    const reply_facts refusal{
        .kind = reply_kind::refusal, .why = reason::busy, .request_id = id.text()};
    const reply_facts reply{.status = 200, .request_id = id.text()};
    const auto refused = refusal_text(forms, refusal, id, nullptr);
    if (!refused || !framed(config, *refused)) return false;
    const reply_facts stored{.kind = reply_kind::receipt, .request_id = id.text()};
    if (!forms.are_hl7() || forms.receipt) {
        const auto receipt = receipt_text(forms, stored, id, nullptr);
        if (!framed(config, *receipt)) return false;
    }
    if (!forms.reply && forms.are_hl7()) return true; // of the same segments
    return framed(config, reply_of(forms, reply).whole("x")).has_value();
}

} // namespace finpost::detail
