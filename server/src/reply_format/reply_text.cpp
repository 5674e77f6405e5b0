#include "reply_format/reply_text.hpp"

#include "utf8.hpp"

#include "finpost/base64.hpp"

#include <cstddef>
#include <span>

namespace finpost::detail {

namespace {

// The word of what is not a reply, and its id.
std::string line(std::string_view before, std::string_view word, std::string_view id) {
    std::string out(before);
    ((out += word) += ' ') += id;
    return out += '\n';
}

reply_parts body_text(const reply_facts& facts) {
    if (facts.kind == reply_kind::reply) return {.before = {}, .with_body = true, .after = {}};
    const bool refused = facts.kind == reply_kind::refusal;
    const std::string_view word = refused ? to_string(facts.why) : outcome_word(facts.kind);
    return {line("finpost: ", word, facts.request_id), false, {}};
}

reply_parts status_text(const reply_facts& facts) {
    switch (facts.kind) {
    case reply_kind::reply:
        return {line({}, std::to_string(facts.status_of_reply()), facts.request_id), true, {}};
    case reply_kind::refusal:
        return {line("refused ", to_string(facts.why), facts.request_id), false, {}};
    case reply_kind::receipt:
        break;
    }
    return {line({}, outcome_word(facts.kind), facts.request_id), false, {}};
}

bool is_utf8(std::string_view text) noexcept {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

// RFC 8259 §7. The text is UTF-8.
void append_escaped(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= ' ' && c != '"' && c != '\\')
            out += c;
        else if (byte >= ' ')
            (out += '\\') += c;
        else if (c == '\n')
            out += "\\n";
        else if (c == '\r')
            out += "\\r";
        else if (c == '\t')
            out += "\\t";
        else
            ((out += "\\u00") += digits[byte >> 4]) += digits[byte & 15];
    }
}

void append_base64(std::string& out, std::string_view bytes) {
    const std::size_t before = out.size();
    out.resize(before + base64::encoded_size(bytes.size()));
    base64::encode(std::as_bytes(std::span(bytes)), out.data() + before);
}

reply_parts json_text(const reply_facts& facts) {
    const bool replied = facts.kind == reply_kind::reply;
    std::string out = "{\"id\":\"";
    out += facts.request_id;
    ((out += "\",\"outcome\":\"") += outcome_word(facts.kind)) += '"';
    if (facts.status != 0) (out += ",\"status\":") += std::to_string(facts.status);
    if (facts.kind == reply_kind::refusal)
        ((out += ",\"reason\":\"") += to_string(facts.why)) += '"';
    if (replied && is_utf8(facts.body)) {
        out.reserve(out.size() + facts.body.size() + facts.body.size() / 16 + 16);
        append_escaped(out += ",\"body\":\"", facts.body);
        out += '"';
    } else if (replied) {
        append_base64(out += ",\"body_base64\":\"", facts.body);
        out += '"';
    }
    return {out += "}\n", false, {}};
}

reply_parts ack_nak_text(const reply_facts& facts) {
    const bool good = facts.kind == reply_kind::receipt ||
                      (facts.kind == reply_kind::reply && facts.is_success());
    return {good ? "\x06" : "\x15", false, {}};
}

} // namespace

reply_parts reply_text(reply_form form, const reply_facts& facts) {
    switch (form) {
    case reply_form::status:
        return status_text(facts);
    case reply_form::json:
        return json_text(facts);
    case reply_form::ack_nak:
        return ack_nak_text(facts);
    case reply_form::body:
        break;
    }
    return body_text(facts);
}

} // namespace finpost::detail
