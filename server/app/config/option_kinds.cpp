#include "config/option_kinds.hpp"

#include "ascii.hpp"
#include "config/secret_reference.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

namespace finpost::kind {

using namespace detail;

namespace {

parsed<std::size_t> parse_number(std::string_view text) {
    std::size_t number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{} || end != text.data() + text.size())
        return parse_error{in_quotes(text) + " is not a whole number"};
    return number;
}

parsed<std::string> as_it_is(std::string_view text) {
    return {boost::system::in_place_value, text};
}

// A file can say NUL, and the system would take it for the name's end.
parsed<std::string> parse_name(std::string_view text, const std::string& of_what) {
    if (text.empty()) return parse_error{"the name of a " + of_what + " is needed"};
    if (text.find('\0') != text.npos)
        return parse_error{in_quotes(text) + " is not the path of a " + of_what +
                           ": it holds a NUL"};
    return as_it_is(text);
}

// Without a host it is every address of this machine, of both families.
bool is_every_host(std::string_view text) {
    return text.starts_with(':') || text.starts_with("*:");
}

// The value of a field that is there to prove who sends it is nobody else's business.
bool is_secret(std::string name) {
    for (char& c : name) c = ascii_lower(c);
    for (const char* sign : {"auth", "cookie", "token", "secret", "key", "pass", "pwd", "bearer",
                             "jwt", "credential", "session", "signature"})
        if (name.find(sign) != name.npos) return true;
    // Within a word it is mostly another one: shipping, mapping.
    for (std::size_t at = name.find("pin"); at != name.npos; at = name.find("pin", at + 1)) {
        const auto letter = [&](std::size_t i) {
            return i < name.size() && name[i] >= 'a' && name[i] <= 'z';
        };
        if (!letter(at + 3)) return true;
        if ((at == 0 || !letter(at - 1)) && name.compare(at + 3, 4, "code") == 0) return true;
    }
    return false;
}

} // namespace

parsed<std::size_t> count::parse(std::string_view text) { return parse_number(text); }

std::string count::print(std::size_t value) { return std::to_string(value); }

parsed<std::size_t> threads::parse(std::string_view text) {
    auto number = parse_number(text);
    if (number && (*number == 0 || *number > 1024))
        return parse_error{in_quotes(text) + " is not a number of threads: expected 1 to 1024"};
    return number;
}

std::string threads::print(std::size_t value) { return value == 0 ? "" : std::to_string(value); }

parsed<std::size_t> count_or_off::parse(std::string_view text) {
    if (text == "off") return std::size_t{0};
    auto number = parse_number(text);
    if (!number) return parse_error{number.error().message + ": expected one, or off"};
    return number;
}

std::string count_or_off::print(std::size_t value) {
    return value == 0 ? "off" : std::to_string(value);
}

parsed<std::uint64_t> size::parse(std::string_view text) { return parse_size(text); }

std::string size::print(std::uint64_t value) { return format_size(value); }

parsed<std::uint64_t> rate::parse(std::string_view text) {
    if (text == "off") return std::uint64_t{0};
    return parse_size(text);
}

std::string rate::print(std::uint64_t value) { return value == 0 ? "off" : format_size(value); }

parsed<std::optional<std::uint64_t>> threshold::parse(std::string_view text) {
    if (text == "off") return std::optional<std::uint64_t>();
    const auto size = parse_size(text);
    if (!size) return parse_error{size.error().message + ", or off"};
    return std::optional(*size);
}

std::string threshold::print(const std::optional<std::uint64_t>& value) {
    return value ? format_size(*value) : "off";
}

parsed<std::uint64_t> spill_threshold::parse(std::string_view text) {
    const auto size = threshold::parse(text);
    if (!size) return size.error();
    if (*size == 0u)
        return parse_error{"must be above zero, or off: zero would put every payload into a file"};
    return size->value_or(0);
}

std::string spill_threshold::print(std::uint64_t value) { return rate::print(value); }

parsed<duration> time::parse(std::string_view text) { return parse_duration(text); }

// "60s" is easier to compare with "30s" than "1m".
std::string time::print(duration value) {
    return value == std::chrono::minutes(1) ? "60s" : format_duration(value);
}

parsed<std::optional<duration>> time_or_off::parse(std::string_view text) {
    if (text == "off") return std::optional<duration>();
    const auto given = parse_duration(text);
    if (!given) return parse_error{given.error().message + ", or off"};
    return std::optional(*given);
}

std::string time_or_off::print(const std::optional<duration>& value) {
    return value ? time::print(*value) : "off";
}

parsed<std::optional<duration>> look_interval::parse(std::string_view text) {
    auto given = time_or_off::parse(text);
    if (given && *given && **given < std::chrono::seconds(1))
        return parse_error{in_quotes(text) + " is too often: expected 1s or more, or off"};
    return given;
}

parsed<std::optional<frame_spec>> reply_frame::parse(std::string_view text) {
    if (text == "same") return std::optional<frame_spec>();
    if (text == "none") return std::optional(frame_spec());
    const auto spec = parse_frame_spec(text);
    if (!spec) return parse_error{spec.error().message + ", or same, or none"};
    return std::optional(*spec);
}

std::string reply_frame::print(const std::optional<frame_spec>& value) {
    if (!value) return "same";
    return value->type == frame_spec::kind::eof ? "none" : to_string(*value);
}

parsed<double> share::parse(std::string_view text) {
    if (text == "off") return 0.0;
    double share = 0;
    const char* const last = text.data() + text.size();
    const auto [end, ec] = std::from_chars(text.data(), last, share, std::chars_format::fixed);
    if (ec != std::errc{} || end != last || !(share >= 0 && share <= 1))
        return parse_error{in_quotes(text) +
                           " is not a share: expected 0 to 1, such as 0.05, or off"};
    return share;
}

std::string share::print(double value) {
    if (value == 0) return "off";
    std::array<char, 400> digits{}; // the longest double
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed)
            .ptr;
    return {digits.data(), end};
}

parsed<bool> on_off::parse(std::string_view text) {
    for (const std::string_view yes : {"true", "on", "yes", "1"})
        if (text == yes) return true;
    for (const std::string_view no : {"false", "off", "no", "0"})
        if (text == no) return false;
    return parse_error{in_quotes(text) + " is neither on nor off" +
                       suggestion(text, {"true", "false", "on", "off", "yes", "no"})};
}

std::string on_off::print(bool value) { return value ? "on" : "off"; }

parsed<bool> opposite::parse(std::string_view text) {
    const auto on = on_off::parse(text);
    if (!on) return on.error();
    return !*on;
}

std::string opposite::print(bool value) { return on_off::print(!value); }

parsed<std::string> plain::parse(std::string_view text) { return as_it_is(text); }

std::string plain::print(const std::string& value) { return value; }

parsed<std::string> file::parse(std::string_view text) { return parse_name(text, "file"); }

parsed<std::string> directory::parse(std::string_view text) {
    return parse_name(text, "directory");
}

parsed<std::string> request_path::parse(std::string_view text) {
    if (text.empty()) return parse_error{"a path is needed, such as /devices/{peer.ip}"};
    return as_it_is(text);
}

parsed<std::string> health_path::parse(std::string_view text) {
    if (text.empty()) return parse_error{"a path is needed, or off"};
    return as_it_is(text == "off" ? std::string_view() : text);
}

std::string health_path::print(const std::string& value) { return value.empty() ? "off" : value; }

std::string header::mask(std::string_view text) {
    const std::string name(text.substr(0, text.find(':')));
    const auto read = parse(text);
    const bool shown = !is_secret(name) || (read && only_refers(read->value));
    return shown ? std::string(text) : name + ": ********";
}

parsed<http_header> header::parse(std::string_view text) {
    const std::size_t colon = text.find(':');
    // Without a colon what follows the first word may be a secret.
    if (colon == text.npos)
        return parse_error{in_quotes(text.substr(0, text.find_first_of(" ="))) +
                           " has no colon: expected NAME: VALUE"};
    std::string_view value = text.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return http_header{std::string(text.substr(0, colon)), std::string(value)};
}

std::string header::print(const http_header& value) { return value.name + ": " + value.value; }

// Several URLs in one text are several only in a variable; a comma alone may stand in a path.
parsed<http_url> url::parse(std::string_view text) {
    if (text.find(",http://") != text.npos || text.find(",https://") != text.npos)
        return parse_error{in_quotes(masked_url(text)) + " is more than one URL"};
    return parse_http_url(text);
}

// It has none when it is right, but is shown also when it is wrong.
std::string database::mask(std::string_view text) {
    std::string out(text);
    const auto hide = [&out](std::size_t from, std::size_t to) {
        if (from < to) out.replace(from, to - from, "***");
    };
    constexpr std::string_view keyword = "password=";
    const std::size_t parameter = out.find(keyword);
    if (parameter != out.npos) {
        const std::size_t from = parameter + keyword.size();
        hide(from, std::min(out.find('&', from), out.size()));
    }
    const std::size_t scheme = out.find("://"), at = out.rfind('@', out.find('?'));
    if (scheme == out.npos || at == out.npos) return out;
    const std::size_t colon = out.find(':', scheme + 3);
    if (colon != out.npos) hide(colon + 1, at);
    return out;
}

std::string url::print(const http_url& value) { return to_string(value); }

parsed<std::vector<socket_address>> listen_address::parse(std::string_view text) {
    std::vector<socket_address> all;
    const std::string port(text.substr(std::min(text.find(':'), text.size())));
    const bool every = is_every_host(text);
    const std::string hosts[] = {every ? "0.0.0.0" + port : std::string(text), "[::]" + port};
    for (const std::string& host : std::span(hosts).first(every ? 2 : 1)) {
        const auto address = parse_socket_address(host);
        if (!address) return address.error();
        all.push_back(*address);
    }
    return all;
}

std::string listen_address::print(const socket_address& value) { return to_string(value); }

parsed<std::optional<socket_address>> address_or_off::parse(std::string_view text) {
    if (text == "off") return std::optional<socket_address>();
    if (is_every_host(text)) {
        const std::string port = printable(text.substr(text.find(':')));
        return parse_error{in_quotes(text) + " has no host: expected one address, such as 0.0.0.0" +
                           port + " or [::]" + port};
    }
    const auto address = parse_socket_address(text);
    if (!address) return parse_error{address.error().message + ", or off"};
    return std::optional(*address);
}

std::string address_or_off::print(const std::optional<socket_address>& value) {
    return value ? to_string(*value) : "off";
}

parsed<network> network_block::parse(std::string_view text) { return parse_network(text); }

std::string network_block::print(const network& value) { return to_string(value); }

} // namespace finpost::kind
