// Templates of a path and of header fields: what they are taken apart into, and the request's head
// that comes of them whatever a client's certificate says.

#include "upstream/request_template.hpp"

#include "fuzz.hpp"
#include "upstream/request_head.hpp"
#include "upstream/upstream_parts.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/handler.hpp"
#include "finpost/upstream_config.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;

namespace {

constexpr std::array<std::string_view, 7> names{
    "", "peer.ip", "peer.port", "local.port", "request.id", "payload.bytes", "tls.peer_name"};

// A template as its text and its names, one after the other; a name is behind a NUL, and ends with
// one.
std::optional<std::string> reference(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (text.starts_with("{{") || text.starts_with("}}")) {
            out += text[0];
            text.remove_prefix(2);
        } else if (text[0] == '}') {
            return std::nullopt;
        } else if (text[0] == '{') {
            const std::size_t end = text.find('}');
            if (end == text.npos || end == 1) return std::nullopt;
            const std::string_view name = text.substr(1, end - 1);
            if (std::find(names.begin(), names.end(), name) == names.end()) return std::nullopt;
            ((out += '\0') += name) += '\0';
            text.remove_prefix(end + 1);
        } else {
            out += text[0];
            text.remove_prefix(1);
        }
    }
    return out;
}

void check_template(std::string_view text) {
    const auto read = parse_template(text);
    const bool has_nul = text.find('\0') != text.npos;
    const auto expected = reference(text);
    must(read.has_value() == expected.has_value(), "a template is taken when it is one");
    if (!read)
        return must(is_printable(read.error().message),
                    "what is wrong is told in one line of plain text");
    std::string told, written;
    for (const template_piece& one : *read) {
        told += one.text;
        for (const char c : one.text) written.append(c == '{' || c == '}' ? 2 : 1, c);
        if (one.value == request_value::none) continue;
        const std::string name(names[static_cast<std::size_t>(one.value)]);
        ((told += '\0') += name) += '\0';
        written += '{' + name + '}';
    }
    must(has_nul || told == *expected, "its pieces are those of the reference");
    const auto again = parse_template(written);
    must(again && *again == *read, "a template that is written is read again");
}

using values = std::map<std::string_view, std::string>;

// What comes of a template, with `encode` around each value.
template <class Encode>
std::string expanded(std::string_view text, const values& known, Encode encode, bool in_path) {
    std::string out;
    for (const template_piece& one : parse_template(text).value()) {
        for (const char c : one.text) {
            if (in_path && c == '{')
                out += "%7B";
            else if (in_path && c == '}')
                out += "%7D";
            else
                out += c;
        }
        if (one.value != request_value::none)
            out += encode(known.at(names[static_cast<std::size_t>(one.value)]));
    }
    return out;
}

std::string encoded(const std::string& value) {
    if (value == "." || value == "..") return {};
    std::string out;
    for (const char c : value) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') ||
                           (c != '\0' && std::strchr("-._~:@", c) != nullptr);
        char hex[4];
        std::snprintf(hex, sizeof hex, "%%%02X",
                      static_cast<unsigned>(static_cast<unsigned char>(c)));
        out += plain ? std::string(1, c) : hex;
    }
    return out;
}

std::string visible(std::string value) {
    for (char& c : value) c = is_printable({&c, 1}) ? c : '?';
    return value;
}

void check_head(std::string_view path, std::string_view value, std::string_view peer_name,
                unsigned flags) {
    static const http_url url = parse_http_url("http://service.test:8080/").value();
    upstream_config config;
    config.endpoints = {url};
    config.path = path;
    config.headers = {{"X-Own", std::string(value)}};
    if ((flags & 4) != 0) config.headers.push_back({"Accept-Encoding", "gzip"});
    const auto parts = make_upstream_parts(config);
    if (!parts) {
        for (const config_problem& one : parts.error())
            must(is_printable(one.message), "a problem is told in one line of plain text");
        return;
    }
    must(is_printable(accept_encoding(config)), "what is asked for is plain text");

    exchange_deadline deadline;
    const bool streamed = (flags & 1) != 0;
    const auto peer =
        parse_socket_address((flags & 2) != 0 ? "[2001:db8::1]:40000" : "192.0.2.7:40000").value();
    const auto local = parse_socket_address("192.0.2.1:5000").value();
    const request_id id(std::chrono::milliseconds(1'700'000'000'000), flags, ~std::uint64_t{flags});
    const request asked({.body = payload("hello"),
                         .peer = peer,
                         .local = local,
                         .id = id,
                         .tls_peer_name = std::string(peer_name),
                         .streamed = streamed},
                        deadline);
    const head_opening opening(url, config, parts->templates);
    const std::string head = request_head(opening, asked, 7);

    const values known{{"peer.ip", peer.host()},
                       {"peer.port", "40000"},
                       {"local.port", "5000"},
                       {"request.id", std::string(id.text())},
                       {"payload.bytes", streamed ? "unknown" : "5"},
                       {"tls.peer_name", std::string(peer_name)}};
    const std::string target = path.empty() ? "/" : expanded(path, known, encoded, true);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < head.size();) {
        const std::size_t end = head.find("\r\n", at);
        must(end != head.npos, "every line ends");
        lines.push_back(head.substr(at, end - at));
        must(is_printable(lines.back()), "a line has no control character");
        at = end + 2;
    }
    must(lines.size() > 2 && lines.back().empty(), "an empty line is the end");
    lines.pop_back();
    must(lines[0] == "POST " + target + " HTTP/1.1", "the request line is what the template says");
    must(target.starts_with('/') && target.find(' ') == target.npos &&
             target.find('#') == target.npos,
         "a target has no space and no fragment");
    std::map<std::string, int> fields;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const std::size_t colon = lines[i].find(": ");
        must(colon != 0 && colon != std::string::npos, "a field has a name");
        ++fields[lines[i].substr(0, colon)];
        if (lines[i].starts_with("X-Own: "))
            must(lines[i].substr(7) == expanded(value, known, visible, false),
                 "a field is what the template says");
    }
    const char* const all[] = {"Host",           "User-Agent",
                               "Content-Type",   "Accept-Encoding",
                               "X-Own",          streamed ? "Transfer-Encoding" : "Content-Length",
                               "X-Request-Id",   "Idempotency-Key",
                               "traceparent",    "Forwarded",
                               "X-Forwarded-For"};
    must(fields.size() == std::size(all), "no field is added");
    for (const char* const name : all) must(fields[name] == 1, "each field is there once");
    const std::string check = health_head(url, target);
    must(check.starts_with("GET " + target + " HTTP/1.1\r\n") &&
             check.find("\r\n\r\n") == check.size() - 4,
         "a health check is one request");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned flags = from.byte();
    const std::string_view text = from.text();
    check_template(text);
    // Path, field and name, a line each; the name may be more of them.
    const std::size_t one = std::min(text.find('\n'), text.size());
    const std::string_view rest = text.substr(std::min(one + 1, text.size()));
    const std::size_t two = std::min(rest.find('\n'), rest.size());
    check_template(text.substr(0, one));
    check_head(text.substr(0, one), rest.substr(0, two),
               rest.substr(std::min(two + 1, rest.size())), flags);
    return 0;
}
