#include "sim/framing.hpp"

#include "support/frame_reference.hpp"

#include "finpost/base64.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

namespace finpost::sim {

using kind = frame_spec::kind;

bool has_frames(const rules_plan& rules) { return rules.frame != frame_form::eof; }

frame_spec spec_of(const rules_plan& rules) {
    return parse_frame_spec(names(rules.frame)[static_cast<std::size_t>(rules.frame)]).value();
}

std::optional<frame_spec> answer_spec_of(const rules_plan& rules) {
    if (rules.replies == reply_frame::none) return std::nullopt;
    if (rules.replies != reply_frame::same)
        return parse_frame_spec(names(rules.replies)[static_cast<std::size_t>(rules.replies)])
            .value();
    const frame_spec same = spec_of(rules);
    if (same.type == kind::eof || same.type == kind::fixed || same.type == kind::idle) return {};
    return same;
}

// Of an acknowledgement in HL7 each segment ends with a CR, and a line ends with an LF.
reply_form form_of(const rules_plan& rules) {
    if (!has_frames(rules) || rules.base64) return reply_form::body;
    const auto spec = answer_spec_of(rules);
    if (!spec) return rules.form == reply_form::ack_nak ? rules.form : reply_form::body;
    const bool line = spec->type == kind::line, small = spec->width == 1;
    if (rules.form == reply_form::status && line) return reply_form::body;
    if (rules.form == reply_form::json && small) return reply_form::body;
    if (rules.form != reply_form::hl7) return rules.form;
    const frame_form in = rules.frame;
    const bool marked = in == frame_form::mllp || in == frame_form::stx_etx;
    const bool counted = in >= frame_form::u16be && in <= frame_form::netstring && !small;
    return !line && (marked || counted) ? rules.form : reply_form::body;
}

std::uint64_t most_text(frame_form form) {
    switch (form) {
    case frame_form::u8:
        return 255;
    case frame_form::u8_inclusive:
        return 254;
    case frame_form::u16be:
    case frame_form::u16le:
        return 65'535;
    case frame_form::u16be_inclusive:
        return 65'533;
    case frame_form::ascii_4:
        return 9'999;
    case frame_form::ascii_6:
        return 999'999;
    case frame_form::fixed_64:
        return 64;
    case frame_form::fixed_4kib:
        return 4'096;
    default:
        return everything;
    }
}

std::uint64_t answer_overhead(reply_form form) {
    switch (form) {
    case reply_form::status:
        return 60;
    case reply_form::json:
        return 200;
    case reply_form::hl7:
        return 200;
    default:
        return 10;
    }
}

// ---- what is sent

// Any piece of one long text: what is lost, doubled or moved in it is seen.
std::string some_text(rng& dice, std::size_t size) {
    static const std::string text = [] {
        const auto kept = std::exchange(rng::tape, {}); // a fuzzer's bytes are not for this
        std::string out(2 << 20, ' ');
        rng letters(1);
        for (char& one : out) one = static_cast<char>('A' + letters.below(58));
        rng::tape = kept;
        return out;
    }();
    return text.substr(dice.below(text.size() - std::min(size, text.size())), size);
}

namespace {

std::string mark_of(const frame_spec& spec) {
    return spec.type == kind::line        ? "\n"
           : spec.type == kind::delimiter ? spec.delimiter
           : spec.type == kind::mllp      ? "\x1c\r"
                                          : "";
}

// The frames of one client.
class frame_maker {
public:
    frame_maker(client_history& one, const plan& what)
        : one_(one), mine_(*one.plan), rules_(what.rules), spec_(spec_of(rules_)),
          dice_(mine_.seed * 104'729 + 1) {}

    void make() {
        const std::uint64_t bad = mine_.bad_text ? dice_.below(mine_.frames) : everything;
        for (std::uint64_t i = 0; i < mine_.frames; ++i) {
            for (std::uint64_t n = 0; n < mine_.heartbeats; ++n) {
                const std::string beat = heartbeat();
                one_.sends += beat;
                if (!beat.empty()) one_.stops.push_back(one_.sends.size());
            }
            const bool wrong = mine_.wrong != slip::none && mine_.wrong_at == i;
            if (wrong && mine_.wrong == slip::junk) one_.sends += "?!";
            std::string text = text_of(i);
            if (rules_.base64 && i == bad && !text.empty()) text[dice_.below(text.size())] = '!';
            std::string frame = test::frame_naively(spec_, text);
            if (wrong) change(frame);
            one_.sends += frame;
            one_.ends.push_back(one_.sends.size());
            one_.stops.push_back(one_.sends.size());
        }
    }

private:
    std::string heartbeat() {
        switch (spec_.type) {
        case kind::line:
        case kind::delimiter:
            return spec_.type == kind::line && dice_.chance(0.5) ? "\r\n" : mark_of(spec_);
        case kind::stx_etx:
        case kind::mllp:
        case kind::netstring:
            return std::string(1, "\0\r\n"[dice_.below(3)]);
        case kind::length:
            return test::frame_naively(spec_, "");
        case kind::length_ascii:
            return dice_.chance(0.5) ? test::frame_naively(spec_, "") : "\n";
        default:
            return {};
        }
    }

    std::string text_of(std::uint64_t i) {
        const std::uint64_t most = std::min(most_text(rules_.frame), std::uint64_t{300'000});
        const std::uint64_t raw = rules_.base64 ? most / 4 * 3 : most;
        const bool starts = spec_.type == kind::stx_etx || spec_.type == kind::mllp ||
                            spec_.type == kind::netstring;
        const bool hl7 = form_of(rules_) == reply_form::hl7;
        if (mine_.blanks && starts && !hl7 && !rules_.base64 && dice_.chance(0.3)) return {};
        const std::string name = std::to_string(one_.number) + '.' + std::to_string(i);
        std::string before = name + ':';
        if (hl7) before = "MSH|^~\\&|DEVICE|A|GATEWAY|B|1||ORU^R01|" + name + "|P|2.3.1\rOBX|1|ST|";
        std::uint64_t size = i == 0 ? mine_.size : 1 + dice_.below(mine_.size);
        if (spec_.type == kind::fixed)
            size = raw - before.size();
        else
            size = std::min(size, raw - std::min<std::uint64_t>(before.size(), raw - 1));
        std::string text = before + some_text(dice_, size);
        if (rules_.base64) return base64_of(text);
        // What may become the frame's end, and does not.
        const std::string mark = mark_of(spec_);
        if (!mark.empty() && !hl7 && size > 8 && dice_.chance(0.3)) {
            const std::string part = spec_.type == kind::line ? "\r" : mark.substr(0, 1);
            text.replace(before.size() + dice_.below(size - 4), 1, part);
        }
        return text;
    }

    void change(std::string& frame) {
        if (mine_.wrong == slip::damaged) {
            damage(frame);
        } else if (mine_.wrong == slip::oversize) {
            const std::uint64_t size = rules_.max_payload + 1 + dice_.below(1'000);
            const bool carried = size <= most_text(rules_.frame) && size < 400'000;
            if (carried) frame = test::frame_naively(spec_, some_text(dice_, size));
        } else if (mine_.wrong == slip::length) {
            if (spec_.type == kind::length) frame = std::string(spec_.width, '\xff');
            if (spec_.type == kind::length_ascii) frame = std::string(spec_.width, '9');
            if (spec_.type == kind::netstring) frame = std::string(24, '9') + ':';
        }
    }

    void damage(std::string& frame) {
        if (spec_.type == kind::stx_etx && spec_.check == frame_spec::checksum::lrc)
            frame.back() = static_cast<char>(frame.back() ^ 1);
        if (spec_.type == kind::stx_etx && spec_.check == frame_spec::checksum::sum)
            frame[frame.size() - 4 + dice_.below(4)] = '?';
        if (spec_.type == kind::netstring) frame.back() = ';';
        if (spec_.type == kind::length_ascii) frame[dice_.below(spec_.width)] = 'x';
        if (spec_.type == kind::length && spec_.inclusive)
            std::fill_n(frame.begin(), spec_.width, '\0');
    }

    client_history& one_;
    const client_plan& mine_;
    const rules_plan& rules_;
    const frame_spec spec_;
    rng dice_;
};

} // namespace

void make_frames(client_history& one, const plan& what) {
    if (one.plan->kind == client_kind::foreign) {
        one.sends = "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n";
        if (one.plan->size < one.sends.size()) one.sends.resize(one.plan->size);
        one.ends = one.stops = {one.sends.size()};
    } else {
        frame_maker(one, what).make();
    }
}

// ---- what it is

namespace {

// What a text asks to be posted.
std::optional<std::string> payload_of(const rules_plan& rules, const std::string& text) {
    if (form_of(rules) == reply_form::hl7 && !text.starts_with("MSH|")) return std::nullopt;
    if (!rules.base64) return text;
    std::string out(base64::decoded_size(text.size()) + 3, '\0');
    const auto got = base64::decode(std::as_bytes(std::span(text)),
                                    std::as_writable_bytes(std::span(out)).data());
    if (got.error || got.size == 0) return std::nullopt;
    out.resize(got.size);
    return out;
}

} // namespace

sent_frames read_sent(const history& all, const client_history& one) {
    const rules_plan& rules = all.plan->rules;
    const auto spec = spec_of(rules);
    const std::string_view sent = std::string_view(one.sends).substr(0, one.sent);
    const auto read = test::read_naively(spec, sent, all.rules.max_payload);
    sent_frames out;
    out.heartbeats = read.heartbeats;
    out.bad = read.end == detail::frame_reader::fin::failed;
    for (const std::string& text : read.payloads) out.payloads.push_back(payload_of(rules, text));
    if (read.end != detail::frame_reader::fin::tail) return out;
    out.cut = true;
    const bool scans = spec.type == kind::line || spec.type == kind::delimiter;
    const bool accepts =
        rules.frame_tail == tail::automatic ? scans : rules.frame_tail == tail::accept;
    const bool half_line_end = spec.type == kind::line && read.rest == "\r";
    if (scans && (half_line_end || mark_of(spec).starts_with(read.rest))) return out;
    if (!accepts || read.rest.empty())
        out.refused_tail = true;
    else if (one.fin_sent)
        out.payloads.push_back(payload_of(rules, read.rest));
    return out;
}

read_answers read_answers_of(const rules_plan& rules, std::string_view got) {
    const auto read = test::read_naively(answer_spec_of(rules).value(), got, everything, false);
    read_answers out;
    out.texts = read.payloads;
    out.bad = read.fault != detail::frame_reader::fault::none || read.heartbeats > 0;
    out.rest = read.end == detail::frame_reader::fin::tail;
    return out;
}

// ---- refusals

namespace {

constexpr std::size_t id_size = 36;

// "<before><reason><between><id>"
std::string word_between(std::string_view text, std::string_view before, std::string* id) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (!text.starts_with(before) || text.size() < before.size() + id_size + 2) return {};
    const auto end = text.find(' ', before.size());
    if (end == text.npos || text.size() != end + 1 + id_size) return {};
    if (id != nullptr) *id = text.substr(end + 1);
    return std::string(text.substr(before.size(), end - before.size()));
}

std::string json_refusal(std::string_view text, std::string* id) {
    constexpr std::string_view before = "{\"id\":\"", refused = "\",\"outcome\":\"refused\"",
                               reason = ",\"reason\":\"";
    if (!text.starts_with(before) ||
        text.substr(before.size() + id_size, refused.size()) != refused)
        return {};
    const auto at = text.find(reason);
    if (at == text.npos) return {};
    if (id != nullptr) *id = text.substr(before.size(), id_size);
    const auto from = at + reason.size();
    return std::string(text.substr(from, text.find('"', from) - from));
}

// MSA-3 has the reason and the identifier.
std::string hl7_refusal(std::string_view text, std::string* id) {
    const auto at = text.find("\rMSA|A");
    if (at == text.npos || at + 8 > text.size() || text[at + 6] == 'A') return {};
    const std::string_view segment = text.substr(at + 1, text.find('\r', at + 1) - at - 1);
    const auto why = segment.rfind('|');
    if (why == segment.npos) return {};
    return word_between(segment.substr(why), "|", id);
}

} // namespace

std::string refusal_in(reply_form form, std::string_view text, std::string* id) {
    switch (form) {
    case reply_form::body:
        return word_between(text, "finpost: ", id);
    case reply_form::status:
        return word_between(text, "refused ", id);
    case reply_form::json:
        return json_refusal(text, id);
    case reply_form::ack_nak:
        return text == "\x15" ? "nak" : "";
    case reply_form::hl7:
        return hl7_refusal(text, id);
    }
    return {};
}

} // namespace finpost::sim
