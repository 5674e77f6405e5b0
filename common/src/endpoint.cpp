#include "finpost/endpoint.hpp"

#include "ascii.hpp"
#include "quoted.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace finpost {

using namespace detail;

namespace {

// The storage is read and written as a whole: no pointer to a structure that does not live there.
template <class Structure>
Structure read_as(const void* from) noexcept {
    Structure out{};
    std::memcpy(&out, from, sizeof out);
    return out;
}

constexpr std::size_t longest_host = 253; // RFC 1035 §2.3.4, as text

bool is_host_name(std::string_view text) {
    return !text.empty() && text.size() <= longest_host &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_';
           });
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_decimal(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// As resolvers take numbers (inet_aton), and browsers (WHATWG URL, "ends in a number").
bool is_number(std::string_view label) {
    if (is_decimal(label)) return true;
    if (!label.starts_with("0x") && !label.starts_with("0X")) return false;
    return label.find_first_not_of("0123456789abcdefABCDEF", 2) == label.npos;
}

// What was most likely meant: leading zeros are there to fill up columns. Empty when nobody can
// know.
std::string likely_address(std::string_view host) {
    std::string out;
    std::size_t parts = 0;
    bool decimal = true, padded = false;
    for (std::size_t from = 0; from <= host.size(); ++parts) {
        const std::size_t dot = std::min(host.find('.', from), host.size());
        std::string_view part = host.substr(from, dot - from);
        decimal = decimal && is_decimal(part);
        padded = padded || (part.size() > 1 && part.starts_with('0') && is_decimal(part));
        part.remove_prefix(
            std::min(part.find_first_not_of('0'), part.empty() ? 0 : part.size() - 1));
        out += (parts == 0 ? "" : ".") + std::string(part);
        from = dot + 1;
    }
    in_addr read{};
    if (decimal && parts == 4)
        return inet_pton(AF_INET, out.c_str(), &read) == 1 ? out : std::string();
    std::array<char, INET_ADDRSTRLEN> text{};
    if (padded || inet_aton(std::string(host).c_str(), &read) == 0) return {};
    return inet_ntop(AF_INET, &read, text.data(), text.size());
}

bool is_v6_literal(const std::string& host) {
    in6_addr unused{};
    return inet_pton(AF_INET6, host.c_str(), &unused) == 1;
}

std::optional<std::uint16_t> read_port(std::string_view text) {
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, ec] = std::from_chars(text.data(), end, port);
    if (ec != std::errc{} || stop != end) return std::nullopt;
    return port;
}

std::optional<socket_address> literal_address(const std::string& host, std::uint16_t port) {
    sockaddr_in v4{};
    if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        return socket_address(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    }
    sockaddr_in6 v6{};
    if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        return socket_address(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
    }
    return std::nullopt;
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

using address_text = std::array<char, INET6_ADDRSTRLEN + 9>; // with brackets, colon and port

// Returns the end. IPv4 by hand: inet_ntop prints it through sprintf, which was a sixth of an
// exchange's instructions.
char* write_host(const socket_address& address, char* out) {
    if (address.is_v6()) {
        const auto v6 = read_as<sockaddr_in6>(address.data());
        inet_ntop(AF_INET6, &v6.sin6_addr, out, INET6_ADDRSTRLEN);
        return out + std::strlen(out);
    }
    const auto v4 = read_as<sockaddr_in>(address.data());
    const auto bytes = std::bit_cast<std::array<unsigned char, 4>>(v4.sin_addr.s_addr);
    for (const unsigned byte : bytes) {
        if (byte >= 100) *out++ = static_cast<char>('0' + byte / 100);
        if (byte >= 10) *out++ = static_cast<char>('0' + byte / 10 % 10);
        *out++ = static_cast<char>('0' + byte % 10);
        *out++ = '.';
    }
    return out - 1;
}

std::string with_brackets(const std::string& host) {
    return host.find(':') == host.npos ? host : '[' + host + ']';
}

struct split_url {
    std::string_view authority; // host and port as written; empty when there is none
    std::string rest;           // the URL with "h" for its authority
};

// The authority is read here and not by Boost.URL: 1.81 ends the host of "http://10.0.0.1.example/"
// behind the address and takes the rest for a path, as it does with anything behind a port, so that
// payloads would go to another host than the one that was written.
split_url take_authority(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == text.npos || !text.substr(colon).starts_with("://"))
        return {{}, std::string(text)};
    const std::size_t begin = colon + 3;
    const std::size_t end = std::min(text.find_first_of("/?#", begin), text.size());
    std::string rest(text.substr(0, begin));
    rest += 'h';
    rest += text.substr(end);
    return {text.substr(begin, end - begin), std::move(rest)};
}

} // namespace

socket_address::socket_address() noexcept : storage_{} {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    std::memcpy(storage_.data(), &any, sizeof any);
}

socket_address::socket_address(const sockaddr* address, std::size_t size) noexcept
    : socket_address() {
    sa_family_t family = AF_UNSPEC;
    if (size >= sizeof(sockaddr_in)) family = address->sa_family;
    if (family == AF_INET) {
        std::memcpy(storage_.data(), address, sizeof(sockaddr_in));
    } else if (family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        const auto v6 = read_as<sockaddr_in6>(address);
        if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            std::memcpy(storage_.data(), &v6, sizeof v6);
            return;
        }
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = v6.sin6_port;
        std::memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
        std::memcpy(storage_.data(), &v4, sizeof v4);
    }
}

const sockaddr* socket_address::data() const noexcept {
    return reinterpret_cast<const sockaddr*>(storage_.data());
}

std::size_t socket_address::size() const noexcept {
    return is_v6() ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
}

bool socket_address::is_v6() const noexcept {
    return read_as<sockaddr_in>(storage_.data()).sin_family == AF_INET6;
}

// sin_port and sin6_port lie at the same place.
std::uint16_t socket_address::port() const noexcept {
    return ntohs(read_as<sockaddr_in>(storage_.data()).sin_port);
}

void socket_address::port(std::uint16_t value) noexcept {
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    const in_port_t wire = htons(value);
    std::memcpy(storage_.data() + offsetof(sockaddr_in, sin_port), &wire, sizeof wire);
}

bool socket_address::is_loopback() const noexcept {
    if (is_v6()) {
        const auto v6 = read_as<sockaddr_in6>(storage_.data());
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    }
    return (ntohl(read_as<sockaddr_in>(storage_.data()).sin_addr.s_addr) >> 24) == 127;
}

std::string socket_address::host() const {
    address_text text;
    return {text.data(), write_host(*this, text.data())};
}

bool operator==(const socket_address& a, const socket_address& b) noexcept {
    if (a.is_v6() != b.is_v6() || a.port() != b.port()) return false;
    if (a.is_v6()) {
        const auto x = read_as<sockaddr_in6>(a.storage_.data());
        const auto y = read_as<sockaddr_in6>(b.storage_.data());
        return IN6_ARE_ADDR_EQUAL(&x.sin6_addr, &y.sin6_addr) && x.sin6_scope_id == y.sin6_scope_id;
    }
    return read_as<sockaddr_in>(a.storage_.data()).sin_addr.s_addr ==
           read_as<sockaddr_in>(b.storage_.data()).sin_addr.s_addr;
}

std::string to_string(const socket_address& address) {
    address_text text;
    char* end = text.data();
    const bool v6 = address.is_v6();
    if (v6) *end++ = '[';
    end = write_host(address, end);
    if (v6) *end++ = ']';
    *end++ = ':';
    end = std::to_chars(end, text.data() + text.size(), address.port()).ptr;
    return {text.data(), end};
}

std::string wrong_address(std::string_view host) {
    if (host.find(':') != host.npos) return {}; // IPv6, which may end in an IPv4 address
    const bool rooted = host.size() > 1 && host.ends_with('.');
    const std::string_view plain = host.substr(0, host.size() - rooted);
    if (!is_number(plain.substr(plain.rfind('.') + 1))) return {};
    in_addr unused{};
    if (inet_pton(AF_INET, std::string(host).c_str(), &unused) == 1) return {};
    std::string text = "ends in a number and is not an IPv4 address: four numbers from 0 to 255 "
                       "without leading zeros";
    const std::string meant = likely_address(plain);
    return meant.empty() ? text : text + "; did you mean " + meant + '?';
}

std::string to_string(const host_port& place) {
    return with_brackets(place.host) + ':' + std::to_string(place.port);
}

parsed<host_port> parse_host_port(std::string_view text) {
    constexpr std::string_view expected = ": expected HOST:PORT or [IPv6]:PORT";
    const auto wrong = [&](std::string_view what) {
        return parse_error{in_quotes(text) + ' ' + std::string(what) + std::string(expected)};
    };
    if (text.find("://") != text.npos) {
        return parse_error{in_quotes(masked_url(text)) + " is a URL" + std::string(expected) +
                           ", without http:// and path"};
    }
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || text.ends_with(']')) return wrong("has no port");
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != host.npos)
        return wrong("has an IPv6 address without brackets, or more than one port");
    const std::string name(host);
    if (bracketed ? !is_v6_literal(name) : !is_host_name(host))
        return wrong(host.empty() ? "has no host" : "has no valid host");
    if (const std::string what = wrong_address(host); !what.empty())
        return parse_error{in_quotes(text) + ' ' + what};
    const auto port = read_port(text.substr(colon + 1));
    if (!port) return wrong("has no valid port (0 to 65535)");
    return host_port{name, *port};
}

parsed<socket_address> parse_socket_address(std::string_view text) {
    const auto read = parse_host_port(text);
    if (!read) return read.error();
    const auto address = literal_address(read->host, read->port);
    if (!address) {
        return parse_error{in_quotes(text) +
                           " has a name for its host: expected an IPv4 address or an "
                           "IPv6 address in brackets"};
    }
    return *address;
}

parsed<http_url> parse_http_url(std::string_view text) {
    const auto wrong = [&](std::string_view what) {
        return parse_error{in_quotes(masked_url(text)) + ' ' + std::string(what) +
                           ": expected http://HOST[:PORT][/PATH][?QUERY]"};
    };
    if (!is_printable(text)) return wrong("has a character that no URL may have");
    const auto [authority, rest] = take_authority(text);
    const auto view = boost::urls::parse_uri(rest);
    if (const std::string whole = "http://" + std::string(text);
        !text.ends_with(':') && text.find(":/") == text.npos && parse_http_url(whole)) {
        return parse_error{in_quotes(masked_url(text)) + " is not a URL: did you mean " +
                           masked_url(whole) + '?'};
    }
    if (!view) return wrong("is not an absolute URL");
    http_url url;
    url.scheme = std::string(view->scheme());
    std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(), ascii_lower);
    if (url.scheme != "http" && url.scheme != "https")
        return wrong("has a scheme other than http and https");
    if (authority.find('@') != authority.npos)
        return wrong("has a user name or password, which are not sent");
    if (view->has_fragment()) return wrong("has a fragment, which no server sees");
    const bool bracketed = authority.starts_with('[');
    const std::size_t host_end =
        std::min(bracketed ? authority.find(']') : authority.find(':'), authority.size());
    url.host = authority.substr(bracketed, host_end - bracketed);
    if (url.host.empty()) return wrong("has no host");
    const bool closed = host_end < authority.size();
    if (bracketed ? !closed || !is_v6_literal(url.host) : !is_host_name(url.host))
        return wrong("has no valid host");
    if (const std::string what = wrong_address(url.host); !what.empty())
        return parse_error{in_quotes(masked_url(text)) + ": the host " + what};
    url.port = url.scheme == "http" ? 80 : 443;
    const std::string_view after = authority.substr(host_end + bracketed);
    if (!after.empty() && after != ":") {
        const auto port = read_port(after.substr(1));
        if (after.front() != ':' || !port || *port == 0)
            return wrong("has no valid port (1 to 65535)");
        url.port = *port;
    }
    url.authority = with_brackets(url.host);
    if (url.port != (url.scheme == "http" ? 80 : 443))
        url.authority += ':' + std::to_string(url.port);
    url.target = std::string(view->encoded_path());
    if (url.target.empty()) url.target = "/";
    if (view->has_query()) url.target += '?' + std::string(view->encoded_query());
    return url;
}

namespace {

constexpr std::string_view stars = "********";

bool looks_secret(std::string_view segment) {
    constexpr std::size_t long_enough = 20, digits_enough = 4;
    std::size_t row = 0, longest = 0, all = 0, digits = 0;
    for (const char c : segment) {
        row = is_digit(c) || is_letter(c) ? row + 1 : 0;
        longest = std::max(longest, row);
        all += row > 0;
        digits += is_digit(c);
    }
    return longest >= long_enough || (all >= long_enough && digits >= digits_enough);
}

// Each value of a query, which begins with its "?", behind its name. What stands for something of
// the exchange says nothing by itself.
std::string masked_query(std::string_view query) {
    std::string out;
    for (std::size_t at = 0; at < query.size();) {
        out += query[at++]; // the ? or the &
        const std::size_t end = std::min(query.find('&', at), query.size());
        const std::string_view pair = query.substr(at, end - at);
        const std::size_t equals = pair.find('=');
        // Without a name it is all value.
        if (equals != pair.npos) out += pair.substr(0, equals + 1);
        const std::string_view value = equals == pair.npos ? pair : pair.substr(equals + 1);
        const bool stands_for =
            value.starts_with('{') && value.find_first_of("{}", 1) + 1 == value.size();
        if (!value.empty()) out += stands_for ? value : stars;
        at = end;
    }
    return out;
}

} // namespace

std::string masked_url(std::string_view text) {
    std::string out;
    const std::size_t scheme = text.find("://");
    std::size_t at = 0;
    bool odd = false; // what should be a port is the beginning of a password with a slash in it
    if (scheme < text.find_first_of("/?#")) {
        const std::size_t end = std::min(text.find_first_of("/?#", scheme + 3), text.size());
        const std::string_view authority = text.substr(scheme + 3, end - scheme - 3);
        const std::size_t user = authority.rfind('@');
        out = text.substr(0, scheme + 3);
        if (user != authority.npos) out += std::string(stars) + '@';
        const std::string_view host = authority.substr(user == authority.npos ? 0 : user + 1);
        const std::size_t colon = host.rfind(':');
        odd = colon != host.npos && !host.ends_with(']') &&
              host.find_first_not_of("0123456789", colon + 1) != host.npos;
        out += odd ? host.substr(0, colon + 1) : host;
        if (odd) out += stars;
        at = end;
    }
    const std::size_t path_end = std::min(text.find_first_of("?#", at), text.size());
    while (at < path_end) {
        const std::size_t slash = std::min(text.find('/', at), path_end);
        std::string_view segment = text.substr(at, slash - at);
        // A user and a password that are not where they belong.
        const std::size_t user =
            odd || segment.find(':') < segment.rfind('@') ? segment.rfind('@') : segment.npos;
        if (user != segment.npos) {
            out += stars;
            segment.remove_prefix(user);
        }
        out += looks_secret(segment) ? stars : segment;
        if (slash < path_end) out += '/';
        at = slash + 1;
    }
    const std::size_t query_end = std::min(text.find('#', path_end), text.size());
    out += masked_query(text.substr(path_end, query_end - path_end));
    if (query_end < text.size()) out += '#' + std::string(stars);
    return out;
}

std::string to_string(const http_url& url) {
    return url.scheme + "://" + url.authority + url.target;
}

} // namespace finpost
