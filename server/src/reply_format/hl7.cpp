#include "reply_format/hl7.hpp"

#include "finpost/request_id.hpp"

#include <algorithm>
#include <array>

namespace finpost::detail {

namespace {

constexpr std::size_t most_encoding = 5; // the fifth, of truncation, came with version 2.7

constexpr bool is_letter_or_digit(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

constexpr bool can_separate(char c) noexcept {
    return c > ' ' && c <= '~' && !is_letter_or_digit(c);
}

// What may stand in a field: Japanese character sets are switched by escape (ISO 2022).
constexpr bool can_stand(char c) noexcept {
    return static_cast<unsigned char>(c) >= ' ' || c == '\t' || c == '\x1b';
}

// The bytes up to the first of `ends`, which is taken off `rest` as well.
std::string_view take_until(std::string_view& rest, std::string_view ends) noexcept {
    const std::size_t end = std::min(rest.find_first_of(ends), rest.size());
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
}

std::string_view take_until(std::string_view& rest, char end) noexcept {
    return take_until(rest, std::string_view(&end, 1));
}

bool separates(std::string_view separators) noexcept {
    for (std::size_t i = 0; i < separators.size(); ++i)
        if (!can_separate(separators[i]) || separators.find(separators[i]) != i) return false;
    return true;
}

// The MSH segment, when its separators are good and its bytes can be sent back.
std::optional<std::string_view> find_msh(std::string_view message, hl7_extent extent) noexcept {
    if (!message.starts_with("MSH")) return std::nullopt;
    std::string_view segment = message.substr(0, longest_hl7_header + 1);
    const std::size_t end = segment.find_first_of("\r\n");
    if (end == segment.npos && extent == hl7_extent::beginning) return std::nullopt;
    segment = segment.substr(0, end);
    if (segment.size() < 5 || segment.size() > longest_hl7_header) return std::nullopt;
    if (!std::all_of(segment.begin(), segment.end(), can_stand)) return std::nullopt;
    const std::size_t encoding = std::min(segment.find(segment[3], 4), segment.size()) - 4;
    if (encoding < 1 || encoding > most_encoding) return std::nullopt;
    if (!separates(segment.substr(3, 1 + encoding))) return std::nullopt;
    return segment;
}

using version_number = std::array<unsigned, 3>;

// Of "2.5.1", and of "2.5.1^NLD" as well; zeros where it is not written so.
version_number number_of(std::string_view version) noexcept {
    version_number out{};
    std::size_t part = 0;
    for (const char c : version) {
        if (c == '.') {
            if (++part == out.size()) break;
        } else if (c >= '0' && c <= '9' && out[part] < 100) {
            out[part] = out[part] * 10 + static_cast<unsigned>(c - '0');
        } else {
            break;
        }
    }
    return out;
}

constexpr version_number structures_since{2, 3, 1}; // the third component of MSH-9
constexpr version_number reasons_since{2, 5, 0};    // ERR as it is written here

// The text of a separator's escape sequence (chapter 2, "Formatting codes"): of what stands in
// MSH-2, in its order.
constexpr std::string_view escapes = "SRETP";

std::string escaped(const hl7_header& by, std::string_view text) {
    const bool can_escape = by.encoding.size() > 2;
    std::string out;
    for (const char c : text) {
        const std::size_t at = by.encoding.find(c);
        if (c < ' ' || c > '~')
            out += c < ' ' && c >= '\0' ? ' ' : '?';
        else if (c != by.separator && at == std::string::npos)
            out += c;
        else if (can_escape)
            (((out += by.encoding[2]) += c == by.separator ? 'F' : escapes[at])) += by.encoding[2];
        else
            out += ' ';
    }
    return out;
}

std::string digits(long value, std::size_t width) {
    std::string out = std::to_string(value);
    if (out.size() < width) out.insert(0, width - out.size(), '0');
    return out;
}

// UTC, to the second.
std::string time_text(std::chrono::system_clock::time_point at) {
    using namespace std::chrono;
    const auto day = floor<days>(at);
    const year_month_day date(day);
    const hh_mm_ss time(floor<seconds>(at - day));
    return digits(static_cast<int>(date.year()), 4) +
           digits(static_cast<long>(static_cast<unsigned>(date.month())), 2) +
           digits(static_cast<long>(static_cast<unsigned>(date.day())), 2) +
           digits(time.hours().count(), 2) + digits(time.minutes().count(), 2) +
           digits(time.seconds().count(), 2) + "+0000";
}

// The type of an acknowledgement.
std::string type_text(const hl7_header& of) {
    if (of.trigger.empty()) return "ACK";
    std::string out = "ACK" + (of.encoding[0] + of.trigger);
    if (number_of(of.version) >= structures_since) (out += of.encoding[0]) += "ACK";
    return out;
}

// Makes a segment of its fields, field by field.
class segment_writer {
public:
    segment_writer(std::string& out, char separator, std::string_view name)
        : out_(out), separator_(separator) {
        out_ += name;
    }
    segment_writer(const segment_writer&) = delete;
    segment_writer& operator=(const segment_writer&) = delete;
    ~segment_writer() {
        while (out_.ends_with(separator_)) out_.pop_back(); // fields that are empty
        out_ += '\r';
    }
    segment_writer& operator<<(std::string_view field) {
        (out_ += separator_) += field;
        return *this;
    }

private:
    std::string& out_;
    char separator_;
};

} // namespace

std::string_view to_string(hl7_code code) noexcept {
    constexpr std::array<std::string_view, 6> words{"AA", "AE", "AR", "CA", "CE", "CR"};
    return words[static_cast<std::size_t>(code)];
}

std::optional<hl7_header> parse_hl7_header(std::string_view message, hl7_extent extent) {
    const auto segment = find_msh(message, extent);
    if (!segment) return std::nullopt;
    // The separator is MSH-1, so that the first field behind it is MSH-2.
    std::array<std::string_view, 19> msh;
    std::string_view rest = segment->substr(4);
    for (std::size_t i = 2; i < msh.size(); ++i) msh[i] = take_until(rest, (*segment)[3]);
    hl7_header out;
    out.separator = (*segment)[3];
    out.encoding = msh[2];
    out.sending_application = msh[3];
    out.sending_facility = msh[4];
    out.receiving_application = msh[5];
    out.receiving_facility = msh[6];
    out.type = take_until(msh[9], out.encoding[0]);
    out.trigger = take_until(msh[9], out.encoding[0]);
    out.control_id = msh[10];
    out.processing_id = msh[11];
    out.version = msh[12];
    out.accept_when = msh[15];
    out.application_when = msh[16];
    out.character_set = msh[18];
    return out;
}

bool is_hl7(std::string_view message) noexcept {
    return find_msh(message, hl7_extent::whole).has_value();
}

std::optional<std::string> hl7_acknowledged_id(std::string_view reply) {
    const auto msh = find_msh(reply, hl7_extent::whole);
    if (!msh) return std::nullopt;
    const char separator = (*msh)[3];
    const bool cut = reply.size() > farthest_hl7_msa;
    std::string_view rest = reply.substr(0, farthest_hl7_msa);
    rest.remove_prefix(msh->size());
    while (!rest.empty()) {
        std::string_view segment = take_until(rest, "\r\n");
        if (rest.empty() && cut) break; // where it ends was not read
        if (!segment.starts_with("MSA") || segment.size() < 4 || segment[3] != separator) continue;
        segment.remove_prefix(4);
        take_until(segment, separator);
        return std::string(take_until(segment, separator));
    }
    return std::nullopt;
}

std::string hl7_control_id(const request_id& id) {
    const auto all = id.trace_id();
    return {all.end() - 20, all.end()};
}

std::string hl7_acknowledgement(const hl7_header* sent, hl7_code code, std::string_view text,
                                std::string_view id, std::chrono::system_clock::time_point at) {
    constexpr std::size_t longest_msa3 = 80, longest_err8 = 250;
    const hl7_header nobody;
    const hl7_header& to = sent != nullptr ? *sent : nobody;
    const bool good = code == hl7_code::aa || code == hl7_code::ca;
    const bool says_in_err = number_of(to.version) >= reasons_since;
    std::string out;
    segment_writer(out, to.separator, "MSH")
        << to.encoding << to.receiving_application << to.receiving_facility
        << to.sending_application << to.sending_facility << time_text(at) << "" << type_text(to)
        << id << to.processing_id << to.version << ""
        << ""
        << ""
        << ""
        << "" << to.character_set;
    segment_writer(out, to.separator, "MSA")
        << to_string(code) << to.control_id
        << (good || says_in_err ? std::string() : escaped(to, text.substr(0, longest_msa3)));
    if (good || !says_in_err) return out;
    std::string error = "207^Application internal error^HL70357"; // table 0357
    std::replace(error.begin(), error.end(), '^', to.encoding[0]);
    segment_writer(out, to.separator, "ERR") << ""
                                             << "" << error << "E"
                                             << ""
                                             << ""
                                             << "" << escaped(to, text.substr(0, longest_err8));
    return out;
}

} // namespace finpost::detail
