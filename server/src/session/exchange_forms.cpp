// The form in which an exchange tells its client.
#include "policy/reply_budget.hpp"
#include "session/exchange.hpp"
#include "session/exchange_log.hpp"
#include "session/payload_codec.hpp"

#include <optional>
#include <string>
#include <utility>

namespace finpost::detail {

// What is no HL7 is not sent on: nobody could acknowledge it.
void exchange::read_header() {
    if (!outcome_.undecided()) return;
    auto header = hl7_header_of(payload_, true);
    if (header.has_error()) return refuse(reason::spill_failed);
    message_ = std::move(*header);
    if (!message_) refuse(reason::bad_encoding);
}

// Of what is refused: the acknowledgement names the message by what was read of it.
void exchange::read_beginning() {
    if (!arrives_plain(context_.config)) return;
    auto header = hl7_header_of(payload_, false);
    if (header.has_value()) message_ = std::move(*header);
}

reply_facts exchange::facts(reply_kind kind, std::string_view peer_ip) const {
    reply_facts all{.kind = kind, .status = reply_.status(), .request_id = id_.text()};
    all.peer_ip = peer_ip;
    all.peer_port = client_.peer.port();
    all.local_port = client_.local.port();
    all.payload_bytes = received_.value();
    all.tls_peer_name = client_.tls_peer_name;
    return all;
}

void exchange::form_answer() {
    if (reply_.is_receipt())
        form_receipt();
    else if (!context_.forms.are_bodies())
        form_reply();
}

void exchange::form_receipt() {
    const std::string peer_ip = client_.peer.host();
    auto text =
        receipt_text(context_.forms, facts(reply_kind::receipt, peer_ip), id_, message_.get());
    wordless_ = !text;
    reply_.bytes() = text ? payload(std::move(*text)) : payload();
}

void exchange::form_reply() {
    const std::string peer_ip = client_.peer.host();
    const error_code failed = give_form(context_.forms, reply_.bytes(), context_.replies,
                                        facts(reply_kind::reply, peer_ip), id_, message_.get());
    if (failed) refuse(to_reason(failed));
}

// Before a byte of it is out.
void exchange::unwritable(error_code why) {
    if (why == reason::reply_unframeable) log_unframeable(context_, id_, writer_->fault());
    refuse(to_reason(why));
}

std::optional<std::string> exchange::refusal() const {
    const std::string peer_ip = client_.peer.host();
    reply_facts all = facts(reply_kind::refusal, peer_ip);
    all.why = outcome_.why();
    return refusal_text(context_.forms, all, id_, message_.get());
}

} // namespace finpost::detail
