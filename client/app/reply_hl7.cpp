// What an HL7 acknowledgement says (version 2, chapter 2).
#include "quoted.hpp"
#include "reply_form.hpp"

#include <algorithm>

namespace finpost {

using outcome = told::outcome;

namespace {

constexpr std::size_t longest_why = 250; // of ERR-8

std::string_view take_until(std::string_view& rest, std::string_view ends) noexcept {
    const std::size_t end = std::min(rest.find_first_of(ends), rest.size());
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
}

bool can_separate(char c) noexcept {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return c > ' ' && c <= '~' && !letter && (c < '0' || c > '9');
}

// A message begins with MSH and its separators: MSH-1, and one to five of them in MSH-2.
bool has_header(std::string_view message) noexcept {
    if (!message.starts_with("MSH") || message.size() < 5) return false;
    const char separator = message[3];
    std::string_view rest = message.substr(4);
    const std::string_view encoding = take_until(rest, std::string{separator, '\r', '\n'});
    return !encoding.empty() && encoding.size() <= 5 && can_separate(separator) &&
           std::all_of(encoding.begin(), encoding.end(), can_separate);
}

class segments {
public:
    explicit segments(std::string_view message) : separator_(message[3]), message_(message) {}

    // Field `number` of the first segment of this name; nothing where it is missing.
    std::string_view field(std::string_view name, unsigned number) const {
        for (std::string_view rest = message_; !rest.empty();) {
            std::string_view segment = take_until(rest, "\r\n");
            const std::string_view begins = take_until(segment, {&separator_, 1});
            if (begins != name) continue;
            std::string_view out;
            for (unsigned i = 0; i < number; ++i) out = take_until(segment, {&separator_, 1});
            return out;
        }
        return {};
    }

private:
    char separator_;
    std::string_view message_;
};

// MSA-3 until version 2.4; then ERR-8, for users, ERR-7, or the text of the code in ERR-3.
std::string why_of(const segments& in, char component) {
    std::string_view text = in.field("MSA", 3);
    for (const unsigned number : {8u, 7u})
        if (text.empty()) text = in.field("ERR", number);
    if (text.empty()) {
        std::string_view code = in.field("ERR", 3);
        const std::string_view number = take_until(code, {&component, 1});
        text = take_until(code, {&component, 1});
        if (text.empty()) text = number;
    }
    return detail::printable(text.substr(0, longest_why));
}

} // namespace

told told_by_hl7(std::string_view message) {
    if (!has_header(message))
        return {outcome::malformed, "it does not begin with an HL7 header (MSH)", {}};
    const bool cut = message.size() >= farthest_msa; // where the last segment ends was not read
    const segments in(cut ? message.substr(0, message.find_last_of("\r\n", farthest_msa - 1))
                          : message);
    const std::string_view code = in.field("MSA", 1);
    const bool kept = code == "CA", taken = code == "AA" || kept;
    if (!taken && code != "AE" && code != "AR" && code != "CE" && code != "CR")
        return {outcome::malformed, "it has no acknowledgement (MSA) of a known code", {}};
    told out{taken ? outcome::replied : outcome::refused, {}, "msa="};
    out.fields += code;
    if (kept) {
        out.what = outcome::queued;
        out.why = "the message is kept, and processed later (CA)";
    }
    if (taken) return out;
    const std::string why = why_of(in, message[4]);
    (out.why = "refused: ") += code;
    if (!why.empty()) (out.why += ": ") += why;
    return out;
}

} // namespace finpost
