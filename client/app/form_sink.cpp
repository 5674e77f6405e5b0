#include "form_sink.hpp"

#include <boost/system/errc.hpp>

#include <utility>

namespace errc = boost::system::errc;

namespace finpost {

using outcome = told::outcome;

error_code form_sink::write(std::span<const std::byte> data) {
    switch (now_) {
    case state::passing:
        return body_.write(data);
    case state::dropping:
        return {};
    case state::closed:
        return data.empty() ? error_code() : fail("more came behind it");
    case state::holding:
        break;
    }
    held_.append(reinterpret_cast<const char*>(data.data()), data.size());
    return is_decided_now() ? decide(true) : error_code();
}

error_code form_sink::finish(bool whole) {
    ended_ = true;
    if (!wrong_.empty() || now_ != state::holding) return {};
    return decide(whole);
}

bool form_sink::is_decided_now() const noexcept {
    switch (kind_) {
    case form_kind::status:
        return held_.find('\n') != held_.npos || held_.size() > longest_status_line;
    case form_kind::json:
        return held_.size() > longest_json_reply;
    case form_kind::hl7:
        return held_.size() >= farthest_msa;
    case form_kind::ack_nak:
        return held_.size() > 1;
    case form_kind::body:
        return !may_become_receipt(held_);
    }
    return false;
}

error_code form_sink::decide(bool to_body) {
    now_ = state::closed;
    switch (kind_) {
    case form_kind::status:
        return decide_status(to_body);
    case form_kind::json:
        return decide_json(to_body);
    case form_kind::hl7:
        return decide_hl7(to_body);
    case form_kind::body:
        return decide_body();
    case form_kind::ack_nak:
        break;
    }
    told_ = told_by_byte(held_);
    return told_.what == outcome::malformed ? fail(told_.why) : error_code();
}

error_code form_sink::decide_body() {
    if (auto receipt = ended_ ? told_by_receipt(held_, framed_) : std::nullopt) {
        told_ = *std::move(receipt);
        return {};
    }
    now_ = state::passing;
    return pass_on(held_, true);
}

error_code form_sink::decide_status(bool to_body) {
    const std::size_t end = held_.find('\n');
    if (end > longest_status_line && !(ended_ && framed_ && end == held_.npos))
        return fail("it has no first line");
    const std::string_view all = held_;
    told_ = told_by_line(all.substr(0, end));
    if (told_.what == outcome::malformed) return fail(told_.why);
    const std::string_view rest = end == all.npos ? "" : all.substr(end + 1);
    if (!told_.has_body()) return rest.empty() ? error_code() : fail("more came behind it");
    if (end == all.npos) return fail("no line end ends its first line");
    now_ = state::passing;
    return pass_on(rest, to_body);
}

error_code form_sink::decide_json(bool to_body) {
    std::string_view text = held_;
    if (text.size() > longest_json_reply) return fail("it is longer than a gateway's");
    const bool complete = text.ends_with('\n');
    if (complete) text.remove_suffix(1);
    if (!complete && !framed_) return fail("no line end ends it");
    std::string body;
    told_ = told_by_json(text, body);
    if (told_.what == outcome::malformed) return fail(told_.why);
    return told_.has_body() ? pass_on(body, to_body) : error_code();
}

error_code form_sink::decide_hl7(bool to_body) {
    told_ = told_by_hl7(held_);
    if (told_.what == outcome::malformed) return fail(told_.why);
    now_ = told_.what == outcome::refused ? state::dropping : state::passing;
    return told_.what == outcome::refused ? error_code() : pass_on(held_, to_body);
}

error_code form_sink::pass_on(std::string_view text, bool to_body) {
    if (text.empty() || !to_body) return {};
    return body_.write(std::as_bytes(std::span(text)));
}

error_code form_sink::fail(const std::string& why) {
    now_ = state::closed;
    told_ = {outcome::malformed, why, {}};
    wrong_ = "the reply is not in the form ";
    ((wrong_ += to_string(kind_)) += ": ") += why;
    return make_error_code(errc::bad_message);
}

} // namespace finpost
