#include "reply_format/reply_template.hpp"

#include "ascii.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace finpost::detail {

namespace {

// Whether a field has a value.
enum class presence : std::uint8_t { never, maybe, always };
constexpr presence never = presence::never, maybe = presence::maybe, always = presence::always;

struct field_row {
    std::string_view name;
    reply_field value;
    std::array<presence, 3> in; // a reply, a refusal, a receipt
    presence of(reply_kind kind) const noexcept { return in[static_cast<std::size_t>(kind)]; }
};

constexpr std::array<field_row, 10> rows{{
    {"body", reply_field::body, {maybe, never, never}},
    {"status", reply_field::status, {always, maybe, never}},
    {"reason", reply_field::reason, {never, always, never}},
    {"outcome", reply_field::outcome, {always, always, always}},
    {"request.id", reply_field::request_id, {always, always, always}},
    {"peer.ip", reply_field::peer_ip, {maybe, maybe, maybe}}, // a socket that is a path has none
    {"peer.port", reply_field::peer_port, {always, always, always}},
    {"local.port", reply_field::local_port, {always, always, always}},
    {"payload.bytes", reply_field::payload_bytes, {always, always, always}},
    {"tls.peer_name", reply_field::tls_peer_name, {maybe, maybe, maybe}},
}};

reply_field field_named(std::string_view name, reply_kind of) noexcept {
    for (const field_row& row : rows)
        if (row.name == name && row.of(of) != never) return row.value;
    return reply_field::none;
}

bool is_never_empty(reply_field field, reply_kind of) noexcept {
    return std::any_of(rows.begin(), rows.end(), [=](const field_row& row) {
        return row.value == field && row.of(of) == always;
    });
}

parse_error unknown_field(std::string_view name, reply_kind of) {
    std::vector<std::string_view> known;
    for (const field_row& row : rows)
        if (row.of(of) != never) known.push_back(row.name);
    constexpr std::array<std::string_view, 3> kinds{"reply", "refusal", "receipt"};
    const auto kind = static_cast<std::size_t>(of);
    return {"has in braces for a " + std::string(kinds[kind]) + ' ' +
            unknown_word(name, known).message};
}

// Takes a template apart from left to right.
class template_reader {
public:
    template_reader(std::string_view text, reply_kind of) : text_(text), of_(of), pieces_(1) {}

    parsed<reply_template> read() {
        while (at_ < text_.size()) {
            if (const auto fault = take()) return *fault;
        }
        if (pieces_.size() > 1 && pieces_.back().bytes.empty()) pieces_.pop_back();
        return reply_template(of_, std::move(pieces_));
    }

private:
    std::optional<parse_error> take() {
        const char c = text_[at_];
        if (c == '\\') return take_escape();
        if (c != '{' && c != '}') {
            add(c, 1);
        } else if (at_ + 1 < text_.size() && text_[at_ + 1] == c) {
            add(c, 2);
        } else if (c == '}') {
            return fault_at(at_, "} without its { (a plain one is written }})");
        } else {
            return take_field();
        }
        return std::nullopt;
    }

    std::optional<parse_error> take_escape() {
        const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (c == 'n') return add('\n', 2);
        if (c == 'r') return add('\r', 2);
        if (c == 't') return add('\t', 2);
        if (c == '\\') return add('\\', 2);
        if (c == 'x' && at_ + 3 < text_.size()) {
            const auto high = hex_digit(text_[at_ + 2]), low = hex_digit(text_[at_ + 3]);
            if (high && low) return add(static_cast<char>(*high << 4 | *low), 4);
        }
        return fault_at(at_, R"(\ that begins none of \n, \r, \t, \\ and \xHH)");
    }

    std::optional<parse_error> take_field() {
        const std::size_t end = text_.find_first_of("{}", at_ + 1);
        if (end == text_.npos || text_[end] == '{')
            return fault_at(at_, "{ without its } (a plain one is written {{)");
        const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
        const reply_field field = field_named(name, of_);
        if (field == reply_field::none) return unknown_field(name, of_);
        if (field == reply_field::body && std::exchange(has_body_, true))
            return fault_at(at_, "second {body}: it can be there once");
        pieces_.back().field = field;
        pieces_.emplace_back();
        at_ = end + 1;
        return std::nullopt;
    }

    // What `size` bytes of the text stand for.
    std::nullopt_t add(char byte, std::size_t size) {
        pieces_.back().bytes += byte;
        at_ += size;
        return std::nullopt;
    }

    std::string_view text_;
    reply_kind of_;
    std::vector<reply_template::piece> pieces_;
    std::size_t at_ = 0;
    bool has_body_ = false;
};

void append_status(std::string& out, const reply_facts& facts) {
    const int status = facts.kind == reply_kind::reply ? facts.status_of_reply() : facts.status;
    if (status != 0) out += std::to_string(status);
}

void append_value(std::string& out, reply_field field, const reply_facts& facts) {
    switch (field) {
    case reply_field::none:
    case reply_field::body:
        return;
    case reply_field::status:
        return append_status(out, facts);
    case reply_field::reason:
        out += to_string(facts.why);
        return;
    case reply_field::outcome:
        out += outcome_word(facts.kind);
        return;
    case reply_field::request_id:
        out += facts.request_id;
        return;
    case reply_field::peer_ip:
        out += facts.peer_ip;
        return;
    case reply_field::peer_port:
        out += std::to_string(facts.peer_port);
        return;
    case reply_field::local_port:
        out += std::to_string(facts.local_port);
        return;
    case reply_field::payload_bytes:
        out += std::to_string(facts.payload_bytes);
        return;
    case reply_field::tls_peer_name:
        out += facts.tls_peer_name;
        return;
    }
}

} // namespace

reply_parts reply_template::render(const reply_facts& facts) const {
    reply_parts out;
    std::string* part = &out.before;
    for (const piece& each : pieces_) {
        *part += each.bytes;
        append_value(*part, each.field, facts);
        if (each.field != reply_field::body) continue;
        out.with_body = true;
        part = &out.after;
    }
    return out;
}

bool reply_template::may_be_empty() const noexcept {
    return std::none_of(pieces_.begin(), pieces_.end(), [this](const piece& each) {
        return !each.bytes.empty() || is_never_empty(each.field, of_);
    });
}

parsed<reply_template> parse_reply_template(std::string_view text, reply_kind of) {
    if (text.size() > longest_reply_template)
        return parse_error{"has " + std::to_string(text.size()) + " bytes, at most " +
                           std::to_string(longest_reply_template)};
    return template_reader(text, of).read();
}

} // namespace finpost::detail
