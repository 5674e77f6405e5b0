#include "admin/http_messages.hpp"

#include "upstream/field_text.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <utility>

namespace http = boost::beast::http;

namespace finpost {

using namespace detail;

std::size_t chunked_body::take(std::span<const std::byte> bytes) {
    static_cast<void>(raw_.append(bytes)); // without a budget, there is always room
    reading_ = chunks_.decode(raw_, body_);
    return reading_ == state::done ? bytes.size() - raw_.size() : bytes.size();
}

unsigned chunked_body::status() const noexcept {
    return chunks_.why() == reason::reply_too_large ? 413 : 400;
}

http::response<http::string_body> make_response(http_answer answer, bool keep_alive) {
    http::response<http::string_body> out(static_cast<http::status>(answer.status), 11);
    out.set(http::field::content_type, answer.content_type);
    if (!answer.allow.empty()) out.set(http::field::allow, answer.allow);
    out.keep_alive(keep_alive);
    out.body() = std::move(answer.body);
    out.prepare_payload();
    return out;
}

unsigned status_for(const error_code& failed, const http::request<http::string_body>& so_far) {
    if (failed == http::error::body_limit) return 413;
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow)
        return so_far.target().empty() ? 414 : 431; // not even the request line came to its end
    if (failed == http::error::end_of_stream || failed == http::error::partial_message) return 0;
    const error_code of_parser = http::error::bad_method;
    return failed.category() == of_parser.category() ? 400 : 0;
}

target_parts parts_of(std::string_view target) {
    target_parts out;
    const std::size_t colon = target.find("://");
    const std::size_t path = target.find_first_of("/?");
    if (colon == target.npos || path < colon) {
        out.path = std::string(target);
        return out;
    }
    const std::size_t host = colon + 3;
    const std::size_t end = std::min(target.find_first_of("/?", host), target.size());
    out.absolute = true;
    out.scheme = std::string(target.substr(0, colon));
    out.authority = std::string(target.substr(host, end - host));
    out.path = std::string(target.substr(end));
    if (!out.path.starts_with('/')) out.path.insert(0, 1, '/');
    return out;
}

bool is_local_name(std::string_view authority) {
    std::string_view host = authority.substr(0, authority.rfind(':'));
    std::string_view port = authority.substr(host.size());
    if (authority.ends_with(']')) host = authority, port = {}; // an IPv6 address without a port
    if (!port.empty() && port.find_first_not_of("0123456789", 1) != port.npos) return false;
    if (equals(host, "localhost"))
        return true; // Beast's own comparison reads a byte beyond the end
    if (host.find('\0') != host.npos) return false; // would end the text for what reads addresses
    const bool brackets = host.starts_with('[') && host.ends_with(']');
    if (brackets) host = host.substr(1, host.size() - 2);
    error_code none;
    const auto address = boost::asio::ip::make_address(std::string(host), none);
    return !none && address.is_v6() == brackets && address.is_loopback();
}

unsigned fault_of(const http::request<http::string_body>& read, bool local_names_only) {
    // RFC 9112 §3.2: exactly one Host field in HTTP/1.1.
    if (read.version() == 11 && read.count(http::field::host) != 1) return 400;
    const target_parts parts = parts_of(read.target());
    if (parts.absolute && parts.authority.empty()) return 400; // RFC 9110 §4.2.1
    if (parts.absolute && !equals(parts.scheme, "http")) return 421;
    if (!local_names_only) return 0;
    // The whole URL wins over the Host field (RFC 9112 §3.2.2). No browser sends HTTP/1.0 without
    // one.
    if (parts.absolute) return is_local_name(parts.authority) ? 0 : 421;
    const auto [from, to] = read.equal_range(http::field::host);
    const bool local =
        std::all_of(from, to, [](const auto& field) { return is_local_name(field.value()); });
    return local ? 0 : 421;
}

http_answer plain_answer(unsigned status) {
    http_answer out;
    out.status = status;
    out.body = std::string(http::obsolete_reason(static_cast<http::status>(status))) + '\n';
    if (status == 421)
        out.body = "this port answers http:// requests to localhost or a loopback address\n";
    return out;
}

} // namespace finpost
