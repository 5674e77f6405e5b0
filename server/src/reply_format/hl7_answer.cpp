#include "reply_format/hl7_answer.hpp"

#include "finpost/request_id.hpp"

namespace finpost::detail {

hl7_event hl7_event_of(reason why) noexcept {
    switch (why) {
    // It is about the message, or about who sends it: the same again has the same end.
    case reason::empty:
    case reason::too_large:
    case reason::bad_encoding:
    case reason::receive_timeout:
    case reason::too_slow:
    case reason::denied:
    case reason::tls_handshake:
    case reason::tls_truncated:
    case reason::proxy_protocol:
    case reason::foreign:
    case reason::incomplete_frame:
    case reason::bad_frame:
        return hl7_event::rejected;
    case reason::busy:
    case reason::upstream_unreachable:
    case reason::upstream_timeout:
    case reason::upstream_status:
    case reason::upstream_invalid:
    case reason::upstream_incomplete:
    case reason::reply_too_large:
    case reason::reply_unframeable:
    case reason::spill_failed:
    case reason::queue_full:
    case reason::queue_failed:
    case reason::draining:
    case reason::internal:
        break;
    }
    return hl7_event::failed;
}

namespace {

// Table 0155. What stands in MSH-15 or MSH-16 beside these asks for nothing in particular.
enum class condition : std::uint8_t { none, always, never, failure, success };

condition condition_of(std::string_view word) noexcept {
    if (word == "AL") return condition::always;
    if (word == "NE") return condition::never;
    if (word == "ER") return condition::failure;
    return word == "SU" ? condition::success : condition::none;
}

bool on_failure(condition when) noexcept {
    return when == condition::always || when == condition::failure;
}

std::optional<hl7_code> when_stored(condition accept) noexcept {
    if (accept == condition::none) return hl7_code::aa;
    if (accept == condition::never || accept == condition::failure) return std::nullopt;
    return hl7_code::ca;
}

std::optional<hl7_code> when_refused(condition accept, condition application,
                                     bool rejected) noexcept {
    if (on_failure(accept)) return rejected ? hl7_code::cr : hl7_code::ce;
    const bool original = accept == condition::none && application == condition::none;
    if (!original && !on_failure(application)) return std::nullopt;
    return rejected ? hl7_code::ar : hl7_code::ae;
}

// Something that is meant to be HL7: with a frame of its own, a byte order mark, or what else.
bool is_damaged(std::string_view body) noexcept {
    const std::size_t at = body.find_first_not_of("\xef\xbb\xbf \t\r\n\x0b");
    if (at == body.npos) return false;
    return body.substr(at).starts_with("MSH") || body.substr(at).starts_with("MSA");
}

} // namespace

std::optional<hl7_code> hl7_answer(hl7_event event, const hl7_header* sent) noexcept {
    if (sent == nullptr) return event == hl7_event::failed ? hl7_code::ae : hl7_code::ar;
    switch (event) {
    case hl7_event::answered:
        return hl7_code::aa;
    case hl7_event::stored:
        return when_stored(condition_of(sent->accept_when));
    case hl7_event::failed:
    case hl7_event::rejected:
        break;
    }
    return when_refused(condition_of(sent->accept_when), condition_of(sent->application_when),
                        event == hl7_event::rejected);
}

std::optional<std::string> hl7_answer_text(hl7_event event, const hl7_header* sent,
                                           std::string_view text, const request_id& id,
                                           std::chrono::system_clock::time_point at) {
    const auto code = hl7_answer(event, sent);
    if (!code) return std::nullopt;
    return hl7_acknowledgement(sent, *code, text, hl7_control_id(id), at);
}

hl7_body judge_hl7_body(const hl7_header& sent, std::string_view body) {
    if (!is_hl7(body)) return is_damaged(body) ? hl7_body::invalid : hl7_body::acknowledged;
    return hl7_acknowledged_id(body) == sent.control_id ? hl7_body::relayed : hl7_body::invalid;
}

} // namespace finpost::detail
