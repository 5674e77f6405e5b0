#include "reply_form.hpp"

#include "quoted.hpp"
#include "refusal_line.hpp"
#include "suggestion.hpp"

#include "finpost/base64.hpp"
#include "finpost/error.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <span>

namespace finpost {

using namespace detail;
using outcome = told::outcome;

namespace {

constexpr std::array<std::string_view, 5> form_words{"body", "status", "json", "ack-nak", "hl7"};

constexpr std::string_view receipt_prefix = "finpost: queued ";

told malformed(std::string why) { return {outcome::malformed, std::move(why), {}}; }

bool is_success(std::int64_t status) noexcept { return status >= 200 && status < 300; }

bool is_status(std::int64_t status) noexcept { return status >= 100 && status <= 999; }

// Also of a reason that only a later version has.
bool is_reason(std::string_view word) noexcept {
    return !word.empty() && word.size() <= 64 && std::all_of(word.begin(), word.end(), [](char c) {
        return c == '_' || (c >= 'a' && c <= 'z');
    });
}

std::string reason_text(std::string_view word) {
    std::string out(word);
    const auto known = parse_reason(word);
    if (known) ((out += " (") += make_error_code(*known).message()) += ')';
    return out;
}

told replied(std::int64_t status, std::string_view id) {
    told out;
    out.what = is_success(status) ? outcome::replied : outcome::failed;
    ((out.fields = "status=") += std::to_string(status)) += " request=";
    out.fields += id;
    if (out.what == outcome::replied) return out;
    ((out.why = "the service answered with status ") += std::to_string(status)) += ", request ";
    out.why += id;
    return out;
}

told refused_because(std::string_view why, std::string_view id) {
    told out;
    out.what = outcome::refused;
    (((out.fields = "refused=") += why) += " request=") += id;
    (((out.why = "refused by the gateway: ") += reason_text(why)) += ", request ") += id;
    return out;
}

told queued(std::string_view id) {
    told out;
    out.what = outcome::queued;
    (out.fields = "queued request=") += id;
    ((out.why = "queued by the gateway, request ") += id) += ": the service gets it later";
    return out;
}

// The text of a member; null where it is none.
const boost::json::string* text_of(const boost::json::object& all, std::string_view name) {
    const boost::json::value* const value = all.if_contains(name);
    return value == nullptr ? nullptr : value->if_string();
}

// Strict: no line end, which `base64::decode` tolerates.
bool decode_body(std::string_view text, std::string& body) {
    if (text.size() % 4 != 0) return false;
    body.resize(base64::decoded_size(text.size()));
    const auto decoded =
        base64::decode(std::as_bytes(std::span(text)), reinterpret_cast<std::byte*>(body.data()));
    if (decoded.error) return false;
    body.resize(decoded.size);
    return true;
}

bool read_body(const boost::json::object& all, std::string& body) {
    const bool encoded = all.contains("body_base64");
    const auto* const text = text_of(all, encoded ? "body_base64" : "body");
    if (text == nullptr || (encoded && all.contains("body"))) return false;
    if (encoded) return decode_body(*text, body);
    body.assign(text->data(), text->size());
    return true;
}

told told_by_object(const boost::json::object& all, std::string& body) {
    const auto *const id = text_of(all, "id"), *const word = text_of(all, "outcome");
    if (id == nullptr || !is_request_id(*id)) return malformed("it has no \"id\" of a request");
    if (word == nullptr) return malformed("it has no \"outcome\"");
    const boost::json::value* const member = all.if_contains("status");
    const std::int64_t* const status = member == nullptr ? nullptr : member->if_int64();
    if (member != nullptr && (status == nullptr || !is_status(*status)))
        return malformed("its \"status\" is none of HTTP");
    if (*word == "replied") {
        if (!read_body(all, body)) return malformed("it has no \"body\", or one that is wrong");
        return replied(status == nullptr ? 200 : *status, *id);
    }
    if (all.contains("body") || all.contains("body_base64"))
        return malformed("it has a \"body\" and is no reply");
    if (*word == "queued") return queued(*id);
    if (*word != "refused") return malformed("its \"outcome\" is " + in_quotes(*word));
    const auto* const why = text_of(all, "reason");
    if (why == nullptr || !is_reason(*why)) return malformed("it is refused without a \"reason\"");
    told out = refused_because(*why, *id);
    if (status != nullptr) (out.why += ", status ") += std::to_string(*status);
    if (status != nullptr) (out.fields += " status=") += std::to_string(*status);
    return out;
}

} // namespace

parsed<form_kind> parse_form_kind(std::string_view word) {
    const auto found = std::find(form_words.begin(), form_words.end(), word);
    if (found == form_words.end()) return unknown_word(word, form_words);
    return static_cast<form_kind>(found - form_words.begin());
}

std::string_view to_string(form_kind kind) noexcept {
    return form_words[static_cast<std::size_t>(kind)];
}

std::optional<told> told_by_receipt(std::string_view reply, bool framed) {
    if (reply.ends_with('\n'))
        reply.remove_suffix(1);
    else if (!framed)
        return std::nullopt;
    if (!reply.starts_with(receipt_prefix)) return std::nullopt;
    const std::string_view id = reply.substr(receipt_prefix.size());
    if (!is_request_id(id)) return std::nullopt;
    return queued(id);
}

bool may_become_receipt(std::string_view beginning) noexcept {
    constexpr std::size_t longest = receipt_prefix.size() + 36 + 1;
    return beginning.size() <= longest &&
           beginning.substr(0, receipt_prefix.size()) ==
               receipt_prefix.substr(0, std::min(beginning.size(), receipt_prefix.size()));
}

told told_by_line(std::string_view line) {
    const std::size_t space = line.rfind(' ');
    const std::string_view id = space == line.npos ? "" : line.substr(space + 1);
    if (!is_request_id(id)) return malformed("no request id ends its first line");
    const std::string_view word = line.substr(0, space);
    if (word == "queued") return queued(id);
    constexpr std::string_view refusal = "refused ";
    if (word.starts_with(refusal) && is_reason(word.substr(refusal.size())))
        return refused_because(word.substr(refusal.size()), id);
    const bool digits = word.size() == 3 && word.front() != '0' &&
                        word.find_first_not_of("0123456789") == word.npos;
    if (!digits) return malformed("its first line begins with " + in_quotes(word));
    return replied((word[0] - '0') * 100 + (word[1] - '0') * 10 + (word[2] - '0'), id);
}

told told_by_json(std::string_view text, std::string& body) {
    if (text.find('\n') != text.npos) return malformed("it is more than one line");
    boost::json::error_code failed;
    const boost::json::value read = boost::json::parse(text, failed);
    if (failed) return malformed(failed.message());
    const boost::json::object* const all = read.if_object();
    return all == nullptr ? malformed("it is no object") : told_by_object(*all, body);
}

told told_by_byte(std::string_view text) {
    if (text == "\x06") return {outcome::replied, {}, "ack"};
    if (text == "\x15") return {outcome::refused, "refused: NAK", "nak"};
    return malformed("it is neither 06 nor 15");
}

} // namespace finpost
